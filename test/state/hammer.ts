/** A thread that hits shared counters, or takes places, as fast as it can, and reports what it was told. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Limit } from '../../src/state/counters.ts'
import type { InFlightLimit } from '../../src/state/in-flight.ts'
import { SharedCounters, type SharedCountersHandle } from '../../src/state/shared-counters.ts'
import { SharedInFlight, type SharedInFlightHandle } from '../../src/state/shared-in-flight.ts'

export type Job =
  | {
      readonly kind: 'hits'
      readonly handle: SharedCountersHandle
      readonly limit: Limit
      readonly keys: readonly string[]
      readonly hits: number
      /** The time, in its first word; this thread puts it forward now and then. */
      readonly clock: Int32Array
      readonly step: number
    }
  | {
      readonly kind: 'places'
      readonly handle: SharedInFlightHandle
      readonly thread: number
      readonly limit: InFlightLimit
      readonly rounds: number
      /** How many hold a place, as they see it themselves. */
      readonly inside: Int32Array
    }
  | { readonly kind: 'endless'; readonly counters: SharedCountersHandle; readonly places: SharedInFlightHandle }

/** Of one hit: its key, what it was told, when it was, and when its window ends. */
export type Hit = readonly [key: number, current: number, at: number, end: number]

const job = workerData as Job
if (job.kind === 'hits') parentPort!.postMessage(hit(job))
else if (job.kind === 'places') parentPort!.postMessage(take(job))
else hammer(job)

function hit({ handle, limit, keys, hits, clock, step }: Job & { kind: 'hits' }): Hit[] {
  let at = 0
  const now = () => {
    at = Atomics.load(clock, 0)
    return at
  }
  const counters = new SharedCounters(handle, { now })
  const found: Hit[] = []
  for (let i = 0; i < hits; i++) {
    const key = i % keys.length
    counters.increment(limit, keys[key]!, (_, count) => found.push([key, count!.current, at, at + count!.ttl]))
    if (i % 16 === 0) Atomics.add(clock, 0, step)
  }
  return found
}

/** How many were inside at most. */
function take({ handle, thread, limit, rounds, inside }: Job & { kind: 'places' }): { most: number; admitted: number } {
  const places = new SharedInFlight(handle, thread)
  const held: number[] = []
  let most = 0
  let admitted = 0
  for (let i = 0; i < rounds; i++) {
    const place = places.acquire(limit, 'key')
    if (place >= 0) {
      admitted++
      held.push(place)
      most = Math.max(most, Atomics.add(inside, 0, 1) + 1)
    }
    if (held.length > 0 && (place < 0 || i % 3 === 0)) {
      Atomics.sub(inside, 0, 1)
      places.release(held.pop()!)
    }
  }
  for (const place of held) {
    Atomics.sub(inside, 0, 1)
    places.release(place)
  }
  return { most, admitted }
}

function hammer({ counters, places }: Job & { kind: 'endless' }): never {
  const shared = new SharedCounters(counters)
  const inFlight = new SharedInFlight(places, 1)
  const limit = { counter: 'c', windowMs: 3_600_000, max: 5, algorithm: 'sliding' } as const
  parentPort!.postMessage('begun')
  for (let i = 0; ; i++) {
    shared.increment(limit, `k${i % 100}`, () => {})
    inFlight.acquire({ counter: 'c', max: 1_000_000_000 }, `k${i % 100}`)
  }
}
