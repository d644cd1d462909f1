/** The states of all targets that one thread serves, by upstream and URL, and how they are told from outside that thread. */
import type { UpstreamConfig } from '../config/config.ts'
import { TargetState } from './target-state.ts'

/** A verdict of active health checks, or a word of the operator's. Neither says anything about the other. */
export type TargetNotice = Verdict | Drain

interface Subject {
  readonly upstream: string
  /** As written in the file. */
  readonly target: string
}

interface Verdict extends Subject {
  readonly up: boolean
  /** Why it is not up. */
  readonly reason?: string
  readonly draining?: never
}

interface Drain extends Subject {
  /** Takes no new requests; those it has may finish. */
  readonly draining: boolean
  readonly up?: never
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

  set(notice: TargetNotice): void {
    const state = this.of(notice.upstream, notice.target)
    if (notice.draining !== undefined) state.draining = notice.draining
    else state.judge('active', notice.up ? null : (notice.reason ?? 'unhealthy'))
  }

  /** Forgets targets that are not named. `upstreams`: by name. */
  retain(upstreams: ReadonlyMap<string, Pick<UpstreamConfig, 'targets'>>): void {
    for (const [upstream, states] of this.#states) {
      const { targets = [] } = upstreams.get(upstream) ?? {}
      for (const url of states.keys()) if (!targets.some((target) => target.url === url)) states.delete(url)
      if (states.size === 0) this.#states.delete(upstream)
    }
  }
}
