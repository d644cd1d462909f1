/** What a response says to a cache, and what of its head is worth keeping. */
import { type HeaderList, isFieldValue } from '#gateway'
import { Directives } from './directives.ts'
import type { FreshnessFields } from './freshness.ts'

export interface AnswerView extends FreshnessFields {
  readonly setsCookies: boolean
  /** Lower-case request header names that chose this answer; null: `Vary: *`, nothing can be known. */
  readonly vary: readonly string[] | null
  /** Bytes of the body where the head says so. */
  readonly length: number | null
  readonly etag: string | null
  readonly lastModified: string | null
  /** Of `Cache-Tag` (between commas) and `Surrogate-Key` (between blanks). */
  readonly tags: readonly string[]
}

export function readAnswer(headers: HeaderList): AnswerView {
  const length = headers.get('content-length')
  return {
    directives: Directives.parse(headers.values('cache-control'), headers.values('pragma')),
    date: headers.values('date'),
    expires: headers.values('expires'),
    age: headers.values('age'),
    setsCookies: headers.has('set-cookie'),
    vary: varyOf(headers),
    length: length === undefined ? null : Number(length),
    etag: headers.get('etag') ?? null,
    lastModified: headers.get('last-modified') ?? null,
    tags: tagsOf(headers),
  }
}

function varyOf(headers: HeaderList): readonly string[] | null {
  const names = new Set<string>()
  for (const line of headers.values('vary')) {
    for (const part of line.split(',')) {
      const name = part.trim().toLowerCase()
      if (name === '*') return null
      if (name !== '') names.add(name)
    }
  }
  // An origin that compresses without saying so: a client that cannot read it must not get it.
  if (headers.has('content-encoding')) names.add('accept-encoding')
  return [...names].sort()
}

/** More, or longer ones, than any honest origin has would be memory that nobody counts on. */
const MOST_TAGS = 128

function tagsOf(headers: HeaderList): readonly string[] {
  const listed = headers.values('cache-tag').flatMap((line) => line.split(','))
  const spaced = headers.values('surrogate-key').flatMap((line) => line.split(' '))
  if (listed.length + spaced.length === 0) return noTags
  const tags = [...listed, ...spaced].map((tag) => tag.trim()).filter((tag) => tag !== '')
  return [...new Set(tags)].slice(0, MOST_TAGS)
}

const noTags: readonly string[] = Object.freeze([])

/** Of one exchange or one connection only; a hit gets its own. */
const perExchange: ReadonlySet<string> = new Set([
  'age',
  'cache-status',
  'connection',
  'content-length',
  'keep-alive',
  // RFC 9111 §3.1: fields for the proxy next to the client are not stored.
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'ratelimit',
  'ratelimit-policy',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
])

/** `name` in lower case. */
export function isPerExchange(name: string): boolean {
  return perExchange.has(name)
}

/** The head to keep, flat. `preset`: names that plugins above had set before the upstream answered; they set them again on a hit. */
export function keptHead(raw: readonly string[], preset: readonly string[], date: number): readonly string[] {
  const head: string[] = []
  let dated = false
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    if (perExchange.has(name) || preset.includes(name)) continue
    dated ||= name === 'date'
    // A hit is sent as it is.
    if (!isFieldValue(raw[i + 1]!)) throw new TypeError('a field of the answer has bytes that HTTP does not know')
    head.push(raw[i]!, raw[i + 1]!)
  }
  if (!dated) head.push('date', new Date(date).toUTCString())
  return head
}
