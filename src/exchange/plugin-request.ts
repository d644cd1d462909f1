/** What a hook is given as `request`: the read-only side of an exchange, with the names that Fastify users know. */
import type { IncomingMessage } from 'node:http'
import type { Exchange } from './exchange.ts'

export class PluginRequest {
  readonly exchange: Exchange

  constructor(exchange: Exchange) {
    this.exchange = exchange
  }

  get id(): string {
    return this.exchange.facts.id
  }

  get method(): string {
    return this.exchange.facts.method
  }

  /** Normalised path and the query, as matched. */
  get url(): string {
    return this.exchange.facts.path + this.exchange.facts.query
  }

  /** The client's address, given the trusted proxies. */
  get ip(): string {
    return this.exchange.facts.clientAddress
  }

  get host(): string {
    return this.exchange.facts.authority ?? ''
  }

  get protocol(): 'http' | 'https' {
    return this.exchange.facts.scheme
  }

  /** Null in a dry run. Headers of the client are never edited: see `exchange.upstreamRequest`. */
  get raw(): IncomingMessage | null {
    return this.exchange.raw?.incoming ?? null
  }

  /** Header fields joined per name as Node does; use `exchange.headerValues` where a repeated field matters. */
  get headers(): Readonly<Record<string, string | undefined>> {
    const headers: Record<string, string> = Object.create(null)
    const { rawHeaders } = this.exchange.facts
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!.toLowerCase()
      const before = headers[name]
      headers[name] = before === undefined ? rawHeaders[i + 1]! : `${before}, ${rawHeaders[i + 1]}`
    }
    return headers
  }
}
