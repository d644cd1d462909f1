/** What one hit of a rate limit costs: in memory, in shared memory, and where two threads want the same key. `node bench/counters.ts` */
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { CounterStore, Limit } from '../src/state/counters.ts'
import { MemoryCounters } from '../src/state/memory-counters.ts'
import { SharedCounters } from '../src/state/shared-counters.ts'

const HITS = 2_000_000
const KEYS = 1_000_000
const limits: readonly Limit[] = (['fixed', 'sliding'] as const).map((algorithm) => {
  return { counter: algorithm, windowMs: 3_600_000, max: 1_000_000_000, algorithm }
})

const done = () => {}

/** CPU time of this thread, in nanoseconds: what others do on the machine is not in it. */
function cpu(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) * 1000
}

/** CPU nanoseconds per hit. */
function time(store: CounterStore, limit: Limit, keys: readonly string[]): number {
  const started = cpu()
  // 7919 is prime to the number of keys: every key comes, none twice in a row.
  for (let i = 0; i < HITS; i++) store.increment(limit, keys[(i * 7919) % keys.length]!, done)
  return (cpu() - started) / HITS
}

/** An increment as one compare-and-swap on a word that packs window and count, for comparison with lock and unlock. */
function swaps(): number {
  const words = new BigInt64Array(new SharedArrayBuffer(64))
  const started = cpu()
  for (let i = 0; i < HITS; i++) {
    const word = Atomics.load(words, 0)
    Atomics.compareExchange(words, 0, word, Number(word >> 30n) > -1 ? word + 1n : word)
  }
  return (cpu() - started) / HITS
}

function locks(): number {
  const words = new Int32Array(new SharedArrayBuffer(64))
  const started = cpu()
  for (let i = 0; i < HITS; i++) {
    Atomics.compareExchange(words, 0, 0, 1)
    Atomics.compareExchange(words, 0, 1, 0)
  }
  return (cpu() - started) / HITS
}

if (isMainThread) {
  const one = ['@192.0.2.1']
  const many = Array.from({ length: KEYS }, (_, i) => `@10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  console.log(`compare-and-swap of a packed word ${swaps().toFixed()} ns; lock and unlock ${locks().toFixed()} ns`)
  const handle = SharedCounters.allocate()
  for (const limit of limits) {
    const memory = new MemoryCounters()
    const shared = new SharedCounters(handle)
    const cells = [memory, shared].map((store) => {
      return `one key ${time(store, limit, one).toFixed()} ns, 100,000 keys ${time(store, limit, many.slice(0, 100_000)).toFixed()} ns`
    })
    console.log(`${limit.algorithm}: in memory ${cells[0]}; shared ${cells[1]}`)
    memory.close()
  }
  const shared = new SharedCounters(handle)
  console.log(`shared, a million keys ${time(shared, { ...limits[0]!, counter: 'many' }, many).toFixed()} ns`)
  console.log(`resident ${(process.memoryUsage.rss() / 2 ** 20).toFixed()} MiB`)
  const threads = [1, 2].map(() => new Worker(new URL(import.meta.url), { workerData: handle }))
  const both = await Promise.all(threads.map((thread) => once(thread, 'message')))
  console.log(`shared, two threads at one key ${both.map(([ns]) => Number(ns).toFixed()).join(' and ')} ns`)
} else {
  parentPort!.postMessage(time(new SharedCounters(workerData), limits[0]!, ['@192.0.2.1']))
}
