/** A stored answer: everything a hit needs, made once. */
import { type AnswerView, keptHead } from './answer.ts'
import { dateOf, type Times } from './freshness.ts'
import { httpDate } from './http-date.ts'
import type { Keeping } from './storing.ts'
import type { Selection } from './vary.ts'

export interface Entry {
  readonly status: number
  readonly reason: string | undefined
  /** Flat, without what belongs to one exchange. */
  readonly head: readonly string[]
  readonly body: Buffer
  /** The request header values that chose this answer. */
  readonly selection: Selection
  /** When the request that brought it was made, and when its answer came: milliseconds since the epoch. */
  readonly requestedAt: number
  readonly receivedAt: number
  readonly initialAge: number
  readonly lifetime: number
  /** Fresh only by the gateway's own `ttl`: not for requests whose answer may be somebody's own. */
  readonly ownTtl: boolean
  /** Never to be used stale (RFC 9111 §4.2.4). */
  readonly mustRevalidate: boolean
  /** How long past its lifetime it may stand in for an upstream that fails. */
  readonly staleIfError: number
  readonly etag: string | null
  /** Last-Modified, else Date: what If-Modified-Since is compared with. */
  readonly modifiedAt: number
  /** The route that answered. */
  readonly route: string
  /** What the origin calls the answer, for purging. */
  readonly tags: readonly string[]
}

export interface EntryParts {
  readonly status: number
  readonly reason: string | undefined
  readonly rawHeaders: readonly string[]
  /** Lower-case names that plugins above the cache had set before. */
  readonly preset: readonly string[]
  readonly answer: AnswerView
  readonly keeping: Keeping
  readonly selection: Selection
  readonly times: Times
  /** Milliseconds, for answers whose origin does not say; null: none is kept for errors. */
  readonly staleIfErrorMs: number | null
  readonly route: string
}

/** Everything but the body, which is still to come. */
export function entryWithoutBody(parts: EntryParts): Omit<Entry, 'body'> {
  const { answer, keeping, times } = parts
  const { lastModified } = answer
  const date = dateOf(answer, times)
  return {
    status: parts.status,
    reason: parts.reason,
    head: keptHead(parts.rawHeaders, parts.preset, date),
    selection: parts.selection,
    requestedAt: times.requestedAt,
    receivedAt: times.receivedAt,
    initialAge: keeping.initialAge,
    lifetime: keeping.lifetime,
    ownTtl: keeping.ownTtl,
    mustRevalidate: mustRevalidate(answer),
    staleIfError: staleIfError(parts),
    etag: answer.etag,
    modifiedAt: (lastModified === null ? null : httpDate(lastModified, times.receivedAt)) ?? date,
    route: parts.route,
    tags: answer.tags,
  }
}

function mustRevalidate({ directives }: AnswerView): boolean {
  return directives.has('must-revalidate') || directives.has('proxy-revalidate') || directives.has('s-maxage')
}

/** RFC 5861 §4; the origin's own number counts where it gives one. What forbids stale answers forbids these (RFC 9111 §4.2.4). */
function staleIfError({ status, answer, staleIfErrorMs }: EntryParts): number {
  if (staleIfErrorMs === null || status >= 500 || mustRevalidate(answer)) return 0
  const seconds = answer.directives.seconds('stale-if-error')
  return seconds === null ? staleIfErrorMs : seconds * 1000
}

/** Maps, lists and objects around one entry, roughly; a bound that forgets them is none. */
const OVERHEAD = 600
const PER_STRING = 24

/** Bytes an entry takes: head, body and key counted. */
export function sizeOf(entry: Entry, keyLength: number): number {
  return (
    OVERHEAD + entry.body.length + keyLength + textSize(entry.head) + textSize(entry.selection) + textSize(entry.tags)
  )
}

function textSize(texts: readonly (string | null)[]): number {
  let size = 0
  for (const text of texts) size += PER_STRING + (text?.length ?? 0)
  return size
}
