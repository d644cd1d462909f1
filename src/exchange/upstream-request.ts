/** The request as the upstream will see it: a separate object from what the client sent, and the only one that plugins edit. */
import type { Transform } from 'node:stream'
import type { HeaderList } from './headers.ts'

/** Looks at a body passing by. Throwing a Problem refuses the request; the piece is not forwarded. */
export type BodyTap = (chunk: Buffer) => void

/** What a client may say in trailers. */
export interface TrailerRules {
  /** How many fields, and of how many bytes: as in its head. */
  readonly most: number
  readonly mostBytes: number
  /** Whether one may go on: not under a name that is the gateway's to set. */
  passes(name: string): boolean
}

export class UpstreamRequest {
  method: string
  /** Path as forwarded, rewrite applied, without the target's base path. */
  path: string
  /** `''`, or `?` and what follows. */
  query: string
  /** What the upstream sees as Host; null: that of the chosen target. */
  host: string | null
  /** End-to-end headers, without host and framing. */
  readonly headers: HeaderList
  readonly taps: BodyTap[] = []
  readonly transforms: (() => Transform)[] = []
  readonly trailers: TrailerRules

  constructor(head: Pick<UpstreamRequest, 'method' | 'path' | 'query' | 'host' | 'headers' | 'trailers'>) {
    this.method = head.method
    this.path = head.path
    this.query = head.query
    this.host = head.host
    this.headers = head.headers
    this.trailers = head.trailers
  }

  /** Sends the body through a stream on its way. A factory, because a repeated attempt sends the body again. */
  pipeBody(create: () => Transform): void {
    this.transforms.push(create)
  }

  /** Sees each piece of the body before it is sent. */
  tapBody(tap: BodyTap): void {
    this.taps.push(tap)
  }

  /** Takes one parameter out of the query, every occurrence, the rest left byte for byte. */
  deleteQuery(name: string): void {
    if (this.query === '') return
    const kept = this.query
      .slice(1)
      .split('&')
      .filter((pair) => queryName(pair) !== name)
    this.query = kept.length === 0 ? '' : `?${kept.join('&')}`
  }
}

/** The percent-decoded name of one `name=value` pair; the raw text where it does not decode. `+` is not a space. */
export function queryName(pair: string): string {
  const end = pair.indexOf('=')
  return decodeOr(end === -1 ? pair : pair.slice(0, end))
}

/** The percent-decoded value of one `name=value` pair. */
export function queryValue(pair: string): string {
  const end = pair.indexOf('=')
  return end === -1 ? '' : decodeOr(pair.slice(end + 1))
}

function decodeOr(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    // Not UTF-8 or not percent-encoding: compared as sent. It is forwarded as sent too, so nothing is hidden.
    return text
  }
}
