/** Which of several targets is next: each policy is a function of the candidates, and nothing else decides. */
import type { BalanceConfig } from '../config/config.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { affinityOf, hashOf, mix } from './affinity.ts'

/** A target as a policy sees it. */
export interface Candidate {
  /** Its share; over zero. */
  readonly weight: number
  /** Requests that it has, or that wait for it. */
  readonly load: number
  /** The hash of what it is called: the same wherever it stands in a list. */
  readonly seed: number
  /** What round-robin owes it. */
  owed: number
}

/** Picks one of at least one. */
export type Balancer = <C extends Candidate>(candidates: readonly C[], exchange: Exchange) => C

export function balancerOf(config: BalanceConfig): Balancer {
  switch (config.kind) {
    case 'round-robin':
      return inTurn
    case 'least-connections':
      return leastLoaded()
    case 'random':
      return betterOfTwo(Math.random)
    case 'hash':
      return (candidates, exchange) => byHash(candidates, hashOf(affinityOf(exchange, config.by)))
  }
}

/** Smooth weighted round-robin: 5, 1, 1 goes a a b a c a a, never five times a in a row. */
export function inTurn<C extends Candidate>(candidates: readonly C[]): C {
  let next = candidates[0]!
  let total = 0
  for (const candidate of candidates) {
    candidate.owed += candidate.weight
    total += candidate.weight
    if (candidate.owed > next.owed) next = candidate
  }
  next.owed -= total
  return next
}

/** The one that has the least for its weight; equal ones take turns. */
export function leastLoaded(): Balancer {
  let start = 0
  return (candidates) => {
    const { length } = candidates
    start = (start + 1) % length
    let least = candidates[start]!
    for (let step = 1; step < length; step++) {
      const candidate = candidates[(start + step) % length]!
      if (isLess(candidate, least)) least = candidate
    }
    return least
  }
}

/** Of two drawn by weight the one that has less: nearly as even as asking all, at the price of two. */
export function betterOfTwo(random: () => number): Balancer {
  return (candidates) => {
    const total = totalOf(candidates)
    const one = drawn(candidates, random() * total)
    if (candidates.length === 1) return one
    const others = candidates.filter((candidate) => candidate !== one)
    const other = drawn(others, random() * (total - one.weight))
    return isLess(other, one) ? other : one
  }
}

/**
 * Weighted rendezvous: every candidate scores for the key, the highest wins. Who joins takes only what it wins, and what
 * belonged to who left is shared out; nothing else moves.
 */
export function byHash<C extends Candidate>(candidates: readonly C[], key: number): C {
  let best = candidates[0]!
  let highest = -Infinity
  for (const candidate of candidates) {
    // A uniform number in (0, 1): its logarithm makes scores that win in proportion to their weights.
    const uniform = (mix(candidate.seed ^ Math.imul(key, 0x9e3779b1)) + 0.5) / 2 ** 32
    const score = -candidate.weight / Math.log(uniform)
    if (score <= highest) continue
    best = candidate
    highest = score
  }
  return best
}

/** Counts the request to come, so that of two idle ones the heavier is taken. */
function isLess(one: Candidate, other: Candidate): boolean {
  return (one.load + 1) * other.weight < (other.load + 1) * one.weight
}

function totalOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { weight }) => sum + weight, 0)
}

function drawn<C extends Candidate>(candidates: readonly C[], point: number): C {
  let left = point
  for (const candidate of candidates) {
    left -= candidate.weight
    if (left < 0) return candidate
  }
  return candidates.at(-1)!
}
