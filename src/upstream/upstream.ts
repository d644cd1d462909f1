/** A named set of targets, and which of them gets the next attempt. */
import type { TargetConfig, UpstreamConfig } from '../config/config.ts'
import type { RetryReason, StatusRanges } from '../config/resilience.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { hashOf } from './affinity.ts'
import { type Balancer, balancerOf, type Candidate } from './balance.ts'
import { RetryBudget } from './retry-budget.ts'
import type { Target } from './target.ts'
import { publish } from './watched.ts'

/** For attempts before which there was none. */
export const noneTried: readonly Target[] = Object.freeze([])

/** The upstream that stands in, and for which answers. */
export interface Fallback {
  readonly upstream: Upstream
  readonly statuses: StatusRanges
}

export type RetryListener = (upstream: string, reason: RetryReason) => void

export class Upstream {
  readonly name: string
  readonly config: UpstreamConfig
  readonly targets: readonly Target[]
  /** Those with a weight. */
  readonly #members: readonly Member[]
  readonly #balance: Balancer
  /** The policy keeps requests together: they rather wait for their target than go to another. */
  readonly #waits: boolean

  readonly #retried: RetryListener

  /** Null where nothing is retried. */
  readonly budget: RetryBudget | null
  /** Stands in when this one fails; set when all upstreams are there. */
  fallback: Fallback | null = null

  constructor(
    config: UpstreamConfig,
    targetOf: (target: TargetConfig, upstream: UpstreamConfig) => Target,
    retried: RetryListener = () => {},
  ) {
    this.name = config.name
    this.config = config
    const members = config.targets.map((target) => new Member(targetOf(target, config), target))
    this.targets = members.map(({ target }) => target)
    this.budget = config.retries === null ? null : new RetryBudget(config.retries.budget)
    this.#retried = retried
    this.#members = members.filter(({ weight }) => weight > 0)
    this.#balance = balancerOf(config.balance)
    this.#waits = config.balance.kind === 'hash'
  }

  /** To be called for each attempt after a request's first on this upstream. */
  retried(reason: RetryReason): void {
    this.#retried(this.name, reason)
  }

  /** Its config serves from now on: what its targets' traffic says is judged as it says. */
  takeOver(): void {
    for (const target of this.targets) {
      target.peers = this.targets
      target.state.judgedBy(target.watch)
      publish(target)
    }
  }

  /** The target of the next attempt; one of `tried` only where no other is left. Null: none takes requests. */
  pick(exchange: Exchange, tried: readonly Target[] = noneTried): Target | null {
    const members = this.#members
    if (tried.length > 0 || !this.#allReady()) return this.#pickAmong(exchange, tried)
    return members.length === 1 ? members[0]!.target : this.#balance(members, exchange).target
  }

  /** As `pick`, for what does not wait and takes no connection of the pool: one that may have another tunnel, where there is one. */
  pickForTunnel(exchange: Exchange, tried: readonly Target[] = noneTried): Target | null {
    const candidates = this.#candidates()
    if (candidates.length === 0) return null
    const roomy = preferring(candidates, ({ target }) => target.tunnels < this.config.connections.tunnels)
    return this.#balance(untriedOf(roomy, tried), exchange).target
  }

  /** The targets that the next request may go to, by the state they are in. */
  get candidates(): readonly Target[] {
    return this.#candidates().map(({ target }) => target)
  }

  /** Some target takes requests, and nothing speaks against it. */
  get hasEligible(): boolean {
    return this.#members.some(({ target }) => target.state.eligible)
  }

  /** Milliseconds until a breaker lets a trial through; 0 when nobody can say. */
  get waitMs(): number {
    return Math.min(...this.targets.map(({ watch }) => watch?.waitMs ?? 0))
  }

  /** Nothing has to be left out: so it is for nearly every request, and then nothing is filtered. */
  #allReady(): boolean {
    const members = this.#members
    if (members.length < 2) return members.length === 1 && members[0]!.target.state.eligible
    for (const member of members) if (!member.target.state.eligible || !this.#hasRoom(member)) return false
    return true
  }

  #pickAmong(exchange: Exchange, tried: readonly Target[]): Target | null {
    const candidates = this.#candidates()
    if (candidates.length === 0) return null
    const roomy = preferring(untriedOf(candidates, tried), (member) => this.#hasRoom(member))
    return this.#balance(roomy, exchange).target
  }

  /**
   * Drained targets get nothing, and neither do those whose breaker is open. Which targets are down is believed only while
   * enough are up: when nearly all seem down, the few that are left would drown, or the checks themselves are wrong.
   */
  #candidates(): readonly Member[] {
    const present = this.#members.filter(({ target }) => !target.state.draining)
    const up = present.filter(({ target }) => target.state.up)
    const trusted = up.length >= this.config.panicThreshold * present.length ? up : present
    return trusted.filter(({ target }) => target.state.admits)
  }

  #hasRoom({ target }: Member): boolean {
    return this.#waits ? !target.pool.isFull : target.pool.hasRoom
  }
}

/** A target in this upstream, as its policy sees it. Weights and turns are the generation's own. */
class Member implements Candidate {
  readonly target: Target
  readonly weight: number
  readonly seed: number
  owed = 0

  constructor(target: Target, config: TargetConfig) {
    this.target = target
    this.weight = config.weight
    this.seed = hashOf(config.url)
  }

  get load(): number {
    return this.target.load
  }
}

function untriedOf(members: readonly Member[], tried: readonly Target[]): readonly Member[] {
  return preferring(members, ({ target }) => !tried.includes(target))
}

/** Those that are, or all where none is. */
function preferring(members: readonly Member[], preferred: (member: Member) => boolean): readonly Member[] {
  const some = members.filter(preferred)
  return some.length > 0 ? some : members
}
