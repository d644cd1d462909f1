/** When a worker is taken for one that hangs, and when for one that is slow. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newPulse, PulseWatch } from '../../src/workers/pulse.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Seconds until it is given up; null: after two minutes it was not. */
async function secondsUntilGivenUp(worker: {
  /** CPU time in a second; null: the thread does not answer. */
  readonly spendsMs: number | null
  /** Seconds between two beats. */
  readonly beatsEvery?: number
}): Promise<number | null> {
  const pulse = newPulse()
  let spentMs = 0
  let why: string | null = null
  const watch = new PulseWatch({
    pulse,
    spentMs: () => (worker.spendsMs === null ? new Promise(() => {}) : Promise.resolve(spentMs)),
    hangs: (reason) => {
      why = reason
    },
  })
  for (let second = 1; second <= 120; second++) {
    if (worker.beatsEvery !== undefined && second % worker.beatsEvery === 0) pulse[0]!++
    spentMs += worker.spendsMs ?? 1000
    await vi.advanceTimersByTimeAsync(1000)
    if (why !== null) return second
  }
  watch.stop()
  return null
}

test.for([
  ['beats', { spendsMs: 1000, beatsEvery: 1 }, null],
  ['is busy, with turns of four seconds', { spendsMs: 1000, beatsEvery: 4 }, null],
  ['spins', { spendsMs: 1000 }, 6],
  ['spins, on half a core', { spendsMs: 500 }, 11],
  ['is given a twentieth of a core, and beats once in twenty seconds', { spendsMs: 50, beatsEvery: 20 }, null],
  ['waits for something inside of a turn', { spendsMs: 0 }, 30],
  ['is in code that cannot be interrupted', { spendsMs: null }, 30],
] as const)('a worker that %s is given up after %o: %s seconds', async ([, worker, seconds]) => {
  expect(await secondsUntilGivenUp(worker)).toBe(seconds)
})

test('a worker that was stopped with its whole process, for however long, is not given up', async () => {
  const pulse = newPulse()
  const hangs = vi.fn()
  const watch = new PulseWatch({ pulse, spentMs: async () => 0, hangs })

  for (let stops = 0; stops < 50; stops++) {
    // Nobody's timers run meanwhile; afterwards each is late once.
    vi.setSystemTime(Date.now() + 3_600_000)
    await vi.advanceTimersByTimeAsync(1000)
    pulse[0]!++
    await vi.advanceTimersByTimeAsync(1000)
  }

  expect(hangs).not.toHaveBeenCalled()
  watch.stop()
})
