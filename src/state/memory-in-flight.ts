/** Requests in flight of this process's one thread. As many keys as requests: what bounds those bounds this. */
import { type InFlightLimit, type InFlightStore, NO_PLACE } from './in-flight.ts'

interface Place {
  readonly counter: string
  readonly key: string
  taken: number
}

export class MemoryInFlight implements InFlightStore {
  readonly #counters = new Map<string, Map<string, number>>()
  readonly #places: (Place | null)[] = []
  readonly #free: number[] = []

  /** Keys with something in flight. */
  get keys(): number {
    return this.#places.length - this.#free.length
  }

  acquire({ counter, max }: InFlightLimit, key: string): number {
    const number = this.#counters.get(counter)?.get(key) ?? this.#open(counter, key)
    const place = this.#places[number]!
    if (place.taken >= max) return NO_PLACE
    place.taken++
    return number
  }

  release(number: number): void {
    const place = this.#places[number]
    if (place === null || place === undefined) throw new Error('a place is released more often than acquired')
    place.taken--
    if (place.taken === 0) this.#close(number, place)
  }

  read({ counter }: InFlightLimit, key: string): number {
    const number = this.#counters.get(counter)?.get(key)
    return number === undefined ? 0 : this.#places[number]!.taken
  }

  /** For a request that gets in: `max` is at least 1. */
  #open(counter: string, key: string): number {
    const number = this.#free.pop() ?? this.#places.length
    this.#places[number] = { counter, key, taken: 0 }
    let keys = this.#counters.get(counter)
    if (keys === undefined) {
      keys = new Map()
      this.#counters.set(counter, keys)
    }
    keys.set(key, number)
    return number
  }

  #close(number: number, { counter, key }: Place): void {
    this.#places[number] = null
    this.#free.push(number)
    const keys = this.#counters.get(counter)!
    keys.delete(key)
    if (keys.size === 0) this.#counters.delete(counter)
  }
}
