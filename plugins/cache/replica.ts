/** Each thread of the gateway has a store of its own; they tell each other what they keep and what they forget. */
import type { Siblings } from '#gateway'
import type { Entry } from './entry.ts'
import type { CacheKey } from './key.ts'
import type { MemoryStore } from './store.ts'

type News = { readonly key: CacheKey; readonly entry: Entry } | { readonly forgotten: string }

export class Replica {
  readonly #siblings: Siblings
  readonly #topic: string

  /** `item`: the same in all threads for the same item of the file. */
  constructor(siblings: Siblings, item: string) {
    this.#siblings = siblings
    this.#topic = `cache ${item}`
  }

  kept(key: CacheKey, entry: Entry): void {
    this.#tell({ key, entry })
  }

  forgotten(uri: string): void {
    this.#tell({ forgotten: uri })
  }

  /** Does to this store what is done to the others. Returns what ends that. */
  follow(store: MemoryStore): () => void {
    return this.#siblings.listen(this.#topic, (told) => {
      const news = told as News
      if ('forgotten' in news) store.invalidate(news.forgotten)
      else store.receive(news.key, ownBody(news.entry))
    })
  }

  #tell(news: News): void {
    this.#siblings.tell(this.#topic, news)
  }
}

/** A Buffer is cloned as plain bytes. */
function ownBody(entry: Entry): Entry {
  const { buffer, byteOffset, byteLength } = entry.body
  return { ...entry, body: Buffer.from(buffer, byteOffset, byteLength) }
}
