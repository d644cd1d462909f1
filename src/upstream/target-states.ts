/** What is known about targets from outside the thread that serves: verdicts of health checks, and what an operator drained. */

/** Of one target. A target that nobody spoke of is up and not draining. */
export interface TargetState {
  readonly upstream: string
  /** As written in the file. */
  readonly target: string
  readonly up: boolean
  /** Takes no new requests; those it has may finish. */
  readonly draining: boolean
}

const PRESUMED = { up: true, draining: false } as const

export class TargetStates {
  readonly #states = new Map<string, TargetState>()

  /** Replaces what was known about the target. */
  set(state: TargetState): void {
    this.#states.set(keyOf(state.upstream, state.target), state)
  }

  get(upstream: string, target: string): Pick<TargetState, 'up' | 'draining'> {
    return this.#states.get(keyOf(upstream, target)) ?? PRESUMED
  }

  /** Forgets the targets of upstreams that the config no longer names. */
  retain(upstreams: ReadonlySet<string>): void {
    for (const [key, { upstream }] of this.#states) if (!upstreams.has(upstream)) this.#states.delete(key)
  }

  all(): readonly TargetState[] {
    return [...this.#states.values()]
  }
}

function keyOf(upstream: string, target: string): string {
  return JSON.stringify([upstream, target])
}
