/** A config in the making, with what could and what could not be carried over. */

/** Options of one chain item: a name, or a map with one key. */
export type DraftItem = string | { readonly [plugin: string]: unknown }

export interface DraftRoute {
  readonly name: string
  readonly match: {
    readonly hosts?: readonly string[]
    readonly paths: readonly string[]
    readonly methods?: readonly string[]
    readonly headers?: object
  }
  readonly upstream: string
  readonly rewrite?: string
  readonly host?: string
  readonly plugins: readonly DraftItem[]
  /** What is answered in place of an upstream. */
  readonly respond?: object
  /** Why nobody has to prove who they are; undefined: the chain authenticates. */
  readonly public: string | undefined
  /** Why it answers 503 and nothing else: what stood here cannot be done safely. */
  readonly closed: string | undefined
  readonly notes: readonly string[]
}

export interface Draft {
  readonly consumers: Readonly<Record<string, object>>
  readonly upstreams: Readonly<Record<string, unknown>>
  readonly plugins: readonly DraftItem[]
  readonly routes: readonly DraftRoute[]
  /** About the file as a whole. */
  readonly notes: readonly string[]
}

/** The source is not what it was said to be. */
export class ImportError extends Error {
  override readonly name = 'ImportError'
}

/** Names for what is read, each given once, of characters that a name may have. */
export class Names {
  readonly #taken = new Set<string>()

  give(wanted: string): string {
    const plain =
      wanted
        .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
        .replaceAll(/^[-.]+|[-.]+$/g, '')
        .slice(0, 60) || 'unnamed'
    let name = plain
    for (let number = 2; this.#taken.has(name); number++) name = `${plain}-${number}`
    this.#taken.add(name)
    return name
  }
}
