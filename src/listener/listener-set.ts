/** The listeners of a gateway, changed by reloads: what stays is kept, what is new is bound before the swap, what went is drained after it. */
import type { Config, ListenerConfig } from '../config/config.ts'
import { calm } from './calm.ts'
import { Listener, type ListenerParts } from './listener.ts'
import { claim } from './share.ts'

/** How long a closing listener still takes connections. */
const DRAIN_MS = 100

export class ListenerSet {
  readonly #parts: ListenerParts
  /** By bound address as configured: a listener keeps its socket when only its name or certificate changes. */
  #listeners = new Map<string, Listener>()
  #pending: { listeners: Map<string, Listener>; config: Config } | null = null
  /** Removed ones that still have connections. */
  readonly #closing = new Set<Listener>()
  #open: readonly (readonly [string, number])[] = []

  constructor(parts: ListenerParts) {
    this.#parts = parts
  }

  /**
   * Binds what the config adds; `beside` others that have it bound, too. `ports` are those to bind, by address key, where
   * they differ from what the config says. Rejects, with nothing changed, when an address cannot be bound.
   */
  async apply(
    config: Config,
    { beside, ports }: { beside: boolean; ports?: ReadonlyMap<string, number> },
  ): Promise<void> {
    const listeners = new Map<string, Listener>()
    const added: Listener[] = []
    try {
      for (const listener of config.listeners) {
        const key = addressKey(listener)
        const kept = this.#listeners.get(key)
        const next = kept ?? new Listener(listener, config.limits, this.#parts)
        listeners.set(key, next)
        if (kept !== undefined) continue
        if (!beside) await claim(listener)
        await next.listen(ports?.get(key))
        added.push(next)
      }
    } catch (error) {
      await Promise.all(added.map((listener) => listener.close()))
      throw error
    }
    this.#pending = { listeners, config }
  }

  /** Closes what `apply` bound, where something else stands in the way of serving it. */
  async abandon(): Promise<void> {
    const listeners = this.#pending?.listeners ?? new Map<string, Listener>()
    this.#pending = null
    const added = [...listeners].filter(([key]) => !this.#listeners.has(key))
    await Promise.all(added.map(([, listener]) => listener.close()))
  }

  /**
   * Closes what the applied set no longer has, while what serves is still what it listened for. Says goodbye first: closed
   * at once, it would cut clients off in silence.
   */
  async release(): Promise<void> {
    const removed = [...this.#listeners].filter(([key]) => this.#pending?.listeners.has(key) === false)
    if (removed.length === 0) return
    for (const [, listener] of removed) listener.drain()
    await new Promise((done) => setTimeout(done, DRAIN_MS))
    const close = async (listener: Listener) => {
      await calm()
      this.#closing.add(listener)
      void listener.close().then(() => this.#closing.delete(listener))
    }
    await Promise.all(removed.map(([, listener]) => close(listener)))
  }

  /** Makes the applied set current: limits, names and certificates take effect. */
  settle(): void {
    if (this.#pending === null) return
    const { listeners, config } = this.#pending
    this.#pending = null
    for (const listener of config.listeners) listeners.get(addressKey(listener))!.apply(listener, config.limits)
    this.#listeners = listeners
  }

  get addresses(): ReadonlyMap<string, { protocol: 'http' | 'https'; host: string; port: number }> {
    return new Map(
      [...this.#listeners.values()].map(({ config, port }) => [
        config.name,
        { protocol: config.protocol, host: config.host, port },
      ]),
    )
  }

  /** Counts connections, for `connections()` of the next scrape: Node tells only asynchronously. */
  async count(): Promise<void> {
    const listeners = this.#all()
    const open = await Promise.all(listeners.map((listener) => listener.connections()))
    const tunnels = listeners.reduce((sum, listener) => sum + listener.tunnels, 0)
    this.#open = [
      ['http', open.reduce((sum, one) => sum + one, 0) - tunnels],
      ['ws', tunnels],
    ]
  }

  connections(): readonly (readonly [kind: string, count: number])[] {
    return this.#open
  }

  /** The end of each certificate's life, in seconds since the epoch: the first one by its listener's name. */
  *certificates(): Generator<readonly [string, number]> {
    for (const { config } of this.#listeners.values()) {
      for (const [index, { expires }] of config.certificates.entries()) {
        yield [index === 0 ? config.name : `${config.name}.certificates[${index}]`, expires / 1000]
      }
    }
  }

  /** Answers say `Connection: close` from now on. Resolves a moment later, when busy clients have heard it. */
  async drain(): Promise<void> {
    for (const listener of this.#listeners.values()) listener.drain()
    await new Promise((done) => setTimeout(done, DRAIN_MS))
  }

  /** Closes all; what is not over at the deadline is ended. */
  async close(deadlineMs: number): Promise<void> {
    const listeners = this.#all()
    const closed = Promise.all(listeners.map((listener) => calm().then(() => listener.close())))
    const deadline = setTimeout(() => this.destroy(), deadlineMs)
    await closed
    clearTimeout(deadline)
  }

  destroy(): void {
    for (const listener of this.#all()) listener.destroy()
  }

  #all(): Listener[] {
    return [...this.#listeners.values(), ...this.#closing]
  }
}

/** What makes two listeners the same socket. */
export function addressKey({ protocol, host, port, name }: ListenerConfig): string {
  // Port 0 is a new port each: two of them are two listeners, told apart by name.
  return JSON.stringify(port === 0 ? [protocol, host, port, name] : [protocol, host, port])
}
