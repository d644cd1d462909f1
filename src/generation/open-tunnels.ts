/** Tunnels outlive the generation they were opened on: those whose route a reload changes or takes away are closed after the deadline. */
import type { Config } from '../config/config.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Tunnel } from '../proxy/tunnel.ts'

interface OpenTunnel {
  readonly tunnel: Tunnel
  readonly exchange: Exchange
  /** The latest one that would have opened it alike. */
  config: Config
}

export class OpenTunnels {
  readonly #open = new Set<OpenTunnel>()

  get size(): number {
    return this.#open.size
  }

  /** A tunnel that was opened under `config`. It is forgotten when its client's connection closes. */
  add(exchange: Exchange, tunnel: Tunnel, config: Config): void {
    const entry = { tunnel, exchange, config }
    this.#open.add(entry)
    exchange.onClose(() => this.#open.delete(entry))
  }

  /** `config` serves now: tunnels that it would not have opened alike are ended in `deadlineMs`. */
  review(config: Config, deadlineMs: number): void {
    const before = new Terms()
    const now = new Terms()
    const ending: Tunnel[] = []
    for (const entry of this.#open) {
      const isSame = before.of(entry.exchange, entry.config) === now.of(entry.exchange, config)
      if (isSame) entry.config = config
      else ending.push(entry.tunnel)
    }
    if (ending.length === 0) return
    setTimeout(() => {
      for (const tunnel of ending) tunnel.close()
    }, deadlineMs).unref()
  }
}

/** What decides on letting a client in, and where to: as text, written once for all clients alike. */
class Terms {
  readonly #known = new Map<Config, Map<string, string>>()

  of({ route, consumer, upstreamName, target }: Exchange, config: Config): string {
    const known = this.#known.get(config) ?? new Map<string, string>()
    this.#known.set(config, known)
    const names = { route: route?.name, consumer: consumer?.name, upstream: upstreamName, target }
    const key = JSON.stringify(names)
    const text = known.get(key) ?? termsOf(config, names)
    known.set(key, text)
    return text
  }
}

interface Names {
  readonly route: string | undefined
  readonly consumer: string | null | undefined
  readonly upstream: string | null
  readonly target: string | null
}

/** Nothing of where it stands in the file: that changes with every line above it. */
function termsOf(config: Config, names: Names): string {
  const route = config.routes.find(({ name }) => name === names.route)
  const upstream = config.upstreams.find(({ name }) => name === names.upstream)
  const target = upstream?.targets.find(({ url }) => url === names.target)
  const consumer = config.consumers.find(({ name }) => name === names.consumer)
  const terms = [route?.match, route?.action, route?.chain, route?.public, target?.url, upstream?.tls, consumer]
  return JSON.stringify(terms, (key, value) => (key === 'at' ? undefined : value))
}
