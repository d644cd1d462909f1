/** Asks a counter store: without a promise where it answers at once, as stores in memory do. One costs more than the count itself. */
import type { Count, CounterStore, Limit } from '#gateway'

export interface Question {
  readonly limit: Limit
  readonly key: string
  /** Looks without counting. */
  readonly dry: boolean
}

/** Throws or rejects when the store fails. */
export function ask(store: CounterStore, { limit, key, dry }: Question): Count | Promise<Count> {
  let answer: Count | null = null
  let failure: Error | null = null
  let settle: ((error: Error | null, count: Count | null) => void) | null = null
  const done = (error: Error | null, count: Count | null) => {
    if (settle !== null) settle(error, count)
    else if (error !== null) failure = error
    else answer = count
  }
  if (dry) store.read(limit, key, done)
  else store.increment(limit, key, done)
  if (failure !== null) throw failure
  if (answer !== null) return answer
  return new Promise((resolve, reject) => {
    settle = (error, count) => (error === null ? resolve(count!) : reject(error))
  })
}
