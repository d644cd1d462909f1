/** The answer to the client while plugins may still change it: status, head, body. Nothing here has touched a socket. */
import type { Readable } from 'node:stream'
import { HeaderList } from './headers.ts'

export type ReplyBody = string | Buffer | Readable | null

/** Who made the answer: the `source` of logs and metrics. */
export type ReplySource = 'upstream' | 'gateway' | 'cache'

const none: readonly string[] = []

export class Reply {
  statusCode = 200
  reason: string | undefined
  readonly headers: HeaderList
  body: ReplyBody = null
  source: ReplySource = 'gateway'
  /** A plugin answered: the request goes no further down the chain. */
  sent = false
  /** What a parser read of the answer, where it did; most of `headers` stands in it. Its values are not looked at again. */
  parsed: readonly string[] = none

  constructor(headers: HeaderList = new HeaderList()) {
    this.headers = headers
  }

  code(status: number): this {
    this.statusCode = status
    return this
  }

  /** Sets a response header. Before the upstream answered it replaces the upstream's field of that name later. */
  header(name: string, value: string | number): this {
    this.headers.set(name.toLowerCase(), String(value))
    return this
  }

  getHeader(name: string): string | undefined {
    return this.headers.get(name.toLowerCase())
  }

  removeHeader(name: string): this {
    this.headers.delete(name.toLowerCase())
    return this
  }

  /** Answers instead of the upstream. In `onRequest` only; everything below in the chain does not run. */
  send(body: ReplyBody = null): this {
    this.body = body
    this.sent = true
    return this
  }
}
