/** The thread that waits for a place. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Spare } from '../../src/workers/spare.ts'
import type { WorkerHandle } from '../../src/workers/worker-handle.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function spareOf() {
  const threads: { isOver: boolean; terminated: boolean }[] = []
  const spare = new Spare(() => {
    const thread = {
      isOver: false,
      terminated: false,
      async terminate() {
        thread.terminated = true
      },
    }
    threads.push(thread)
    return thread as unknown as WorkerHandle
  })
  return { spare, threads }
}

test('a thread begins to load once nobody has needed one for a while, and is the next one taken', () => {
  const { spare, threads } = spareOf()
  expect([spare.take(), spare.take()]).toEqual(threads)

  vi.advanceTimersByTime(2000)

  expect(threads).toHaveLength(3)
  expect(spare.take()).toBe(threads[2])
  expect(threads).toHaveLength(3)
})

test('one that ended while it waited is taken by nobody', () => {
  const { spare, threads } = spareOf()
  spare.take()
  vi.advanceTimersByTime(2000)
  threads[1]!.isOver = true

  expect(spare.take()).toBe(threads[2])
})

test('nothing waits after the end', async () => {
  const { spare, threads } = spareOf()
  spare.take()
  vi.advanceTimersByTime(2000)

  await spare.end()
  vi.advanceTimersByTime(10_000)

  expect(threads.map(({ terminated }) => terminated)).toEqual([false, true])
})
