/** The states of all targets that one thread serves, by upstream and URL, and how they are told from outside that thread. */
import type { UpstreamConfig } from '../config/config.ts'
import { TargetState } from './target-state.ts'

/** What the supervisor knows about a target: verdicts of active health checks, and what an operator drained. */
export interface TargetNotice {
  readonly upstream: string
  /** As written in the file. */
  readonly target: string
  readonly up: boolean
  /** Why it is not up. */
  readonly reason?: string
  /** Takes no new requests; those it has may finish. */
  readonly draining: boolean
}

export class TargetStates {
  readonly #states = new Map<string, Map<string, TargetState>>()

  /** The state of a target; one that nobody spoke of takes requests. */
  of(upstream: string, target: string): TargetState {
    const states = this.#states.get(upstream) ?? new Map<string, TargetState>()
    this.#states.set(upstream, states)
    const state = states.get(target) ?? new TargetState(upstream, target)
    states.set(target, state)
    return state
  }

  set({ upstream, target, up, reason = 'unhealthy', draining }: TargetNotice): void {
    const state = this.of(upstream, target)
    state.draining = draining
    state.judge('active', up ? null : reason)
  }

  /** Forgets targets that the config does not name. */
  retain(upstreams: readonly Pick<UpstreamConfig, 'name' | 'targets'>[]): void {
    const kept = new Map(upstreams.map(({ name, targets }) => [name, new Set(targets.map(({ url }) => url))]))
    for (const [upstream, states] of this.#states) {
      for (const url of states.keys()) if (kept.get(upstream)?.has(url) !== true) states.delete(url)
      if (states.size === 0) this.#states.delete(upstream)
    }
  }
}
