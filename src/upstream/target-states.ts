/** The states of all targets that one thread serves, by upstream and URL, and how they are told from outside that thread. */
import { upstreamBrief } from '../config/brief.ts'
import type { UpstreamConfig } from '../config/config.ts'
import { inPieces } from '../pace.ts'
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

interface OfUpstream {
  /** As it serves; null: it does not. */
  config: UpstreamConfig | null
  /** Those that serve first. */
  states: TargetState[]
  serving: number
}

export class TargetStates {
  readonly #upstreams = new Map<string, OfUpstream>()

  /** The state of a target; one that nobody spoke of takes requests. */
  of(upstream: string, target: string): TargetState {
    const { states } = this.#of(upstream)
    const known = states.find(({ url }) => url === target)
    if (known !== undefined) return known
    const state = new TargetState(upstream, target)
    states.push(state)
    return state
  }

  #of(upstream: string): OfUpstream {
    const known = this.#upstreams.get(upstream) ?? { config: null, states: [], serving: 0 }
    this.#upstreams.set(upstream, known)
    return known
  }

  set(notice: TargetNotice): void {
    const state = this.of(notice.upstream, notice.target)
    if (notice.draining !== undefined) state.draining = notice.draining
    else state.judge('active', notice.up ? null : (notice.reason ?? 'unhealthy'))
  }

  /** Names of the upstreams that serve. */
  *upstreams(): Generator<string> {
    for (const [name, { config }] of this.#upstreams) if (config !== null) yield name
  }

  /** Of the targets that serve. */
  *all(): Generator<TargetState> {
    for (const { states, serving } of this.#upstreams.values()) {
      for (let i = 0; i < serving; i++) yield states[i]!
    }
  }

  /** These upstreams serve: their targets are known from now on, asked for or not, and no others. */
  async serve(upstreams: readonly UpstreamConfig[]): Promise<void> {
    const gone = new Set(this.#upstreams.keys())
    await inPieces(upstreams, (upstream) => {
      gone.delete(upstream.name)
      this.#serve(upstream)
    })
    for (const name of gone) this.#upstreams.delete(name)
  }

  #serve(upstream: UpstreamConfig): void {
    const known = this.#of(upstream.name)
    if (known.config === upstream && known.serving === known.states.length) return
    const brief = upstreamBrief(upstream)
    const urls = new Set(brief.urls)
    for (const url of urls) this.of(upstream.name, url)
    known.states = known.states.filter(({ url }) => urls.has(url))
    for (const state of known.states) state.hasBreaker = brief.hasBreaker
    known.serving = known.states.length
    known.config = upstream
  }
}
