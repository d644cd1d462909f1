/** Word between the threads of one gateway, about state of which each keeps a copy of its own. */
import { BroadcastChannel } from 'node:worker_threads'

export interface Siblings {
  /** Tells the other threads. What is told is cloned; nobody waits for it. */
  tell(topic: string, news: unknown): void
  /** Calls back with what the other threads tell about the topic. Returns what ends that. */
  listen(topic: string, listener: (news: unknown) => void): () => void
}

export class ThreadSiblings implements Siblings {
  readonly #channel: BroadcastChannel
  readonly #listeners = new Map<string, Set<(news: unknown) => void>>()

  /** `family`: the same for all threads of a gateway, and for no others. */
  constructor(family: string) {
    this.#channel = new BroadcastChannel(family)
    this.#channel.unref()
    this.#channel.onmessage = (event) => {
      const { topic, news } = (event as { readonly data: { readonly topic: string; readonly news: unknown } }).data
      for (const listener of this.#listeners.get(topic) ?? []) listener(news)
    }
  }

  tell(topic: string, news: unknown): void {
    this.#channel.postMessage({ topic, news })
  }

  listen(topic: string, listener: (news: unknown) => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(topic)
    }
  }
}
