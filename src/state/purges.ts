/** What is to be forgotten before its time, told to everything that keeps answers. */

/** What is named must all hold: an answer of this route, to this URL, with this tag. */
export interface Purge {
  readonly route?: string
  /** With scheme and host, or a path of any host; with `*` at its end all that begin so. */
  readonly url?: string
  readonly tag?: string
}

/** Is given what tells which answers are meant. Returns how many it forgot. */
export type PurgeListener = (isMeant: (kept: Purgeable) => boolean) => number

export class Purges {
  readonly #listeners = new Set<PurgeListener>()

  /** Calls back with each purge. Returns what ends that. */
  listen(listener: PurgeListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Returns how many answers were forgotten. */
  apply(purge: Purge): number {
    let forgotten = 0
    for (const listener of this.#listeners) forgotten += listener((kept) => isPurged(purge, kept))
    return forgotten
  }
}

/** What is known of an answer that is kept. */
export interface Purgeable {
  readonly route: string
  /** Scheme, authority, path and query. */
  readonly uri: string
  readonly tags: readonly string[]
}

export function isPurged({ route, url, tag }: Purge, kept: Purgeable): boolean {
  if (route !== undefined && route !== kept.route) return false
  if (tag !== undefined && !kept.tags.includes(tag)) return false
  return url === undefined || matches(url, url.startsWith('/') ? pathOf(kept.uri) : kept.uri)
}

function matches(url: string, found: string): boolean {
  return url.endsWith('*') ? found.startsWith(url.slice(0, -1)) : found === url
}

function pathOf(uri: string): string {
  return uri.slice(uri.indexOf('/', uri.indexOf('://') + 3))
}
