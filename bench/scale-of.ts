/** What `scale.ts` measures in a process of its own: `node --expose-gc bench/scale-of.ts routes 1000` prints the figures as JSON. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../src/config/load.ts'
import { PluginCatalog } from '../src/config/plugin-catalog.ts'
import { Metrics } from '../src/observe/metrics.ts'
import { RouteTable } from '../src/routing/table.ts'
import { MemoryCounters } from '../src/state/memory-counters.ts'

type Figures = Readonly<Record<string, number>>

const looks = 200_000

export const growths: readonly { name: string; sizes: readonly number[]; measure(size: number): Promise<Figures> }[] = [
  { name: 'routes', sizes: [10, 100, 1000, 10_000], measure: measureRoutes },
  { name: 'rate-limit keys', sizes: [1000, 10_000, 100_000, 1_000_000], measure: async (size) => measureKeys(size) },
  { name: 'metric series', sizes: [10, 100, 1000, 10_000], measure: measureSeries },
]

async function measureRoutes(size: number): Promise<Figures> {
  const byPath = await tableOf(size, (i) => `"/api/service${i}/{id}/*"`)
  const paths = Array.from({ length: 1000 }, (_, i) => `/api/service${(i * 7919) % size}/42/rest`)
  const byHost = await tableOf(size, (i) => `shop${i}.example.com/*`)
  const byWildcard = await tableOf(size, (i) => `"*.shop${i}.example.com/*"`)
  return {
    'lookup ns': nanosecondsOf(looks, () => byPath.look('a', paths[0]!)),
    'of 1000 in turn ns': nanosecondsOf(looks, (i) => byPath.look('a', paths[i % 1000]!)),
    'by host ns': nanosecondsOf(looks, () => byHost.look('shop7.example.com', '/a')),
    'by *.host ns': nanosecondsOf(looks, () => byWildcard.look('a.shop7.example.com', '/a')),
    'load ms': byPath.loadMs,
    'build ms': byPath.buildMs,
    'config and table MiB': byPath.heldMiB,
  }
}

async function tableOf(size: number, match: (i: number) => string) {
  const line = (i: number) => `  r${i}: { match: ${match(i)}, upstream: "http://127.0.0.1:9", public: bench }\n`
  const folder = mkdtempSync(join(tmpdir(), 'sluice-scale-'))
  try {
    const file = join(folder, 'gateway.yaml')
    writeFileSync(file, `routes:\n${Array.from({ length: size }, (_, i) => line(i)).join('')}`)
    const heap = heapBytes()
    const loadedAt = performance.now()
    const { config, diagnostics } = await loadConfig(file, {}, new PluginCatalog())
    const loadMs = performance.now() - loadedAt
    if (config === null) throw new Error(JSON.stringify(diagnostics[0]))
    const builtAt = performance.now()
    const names = config.listeners.map(({ name }) => name)
    const table = await RouteTable.build(config.routes, names, {
      answersPreflights: () => false,
      demandsOf: () => new Set(),
    })
    const buildMs = performance.now() - builtAt
    const facts = { listener: { name: names[0] }, method: 'GET', host: '', query: '', rawHeaders: [] }
    const look = (host: string, path: string) => {
      facts.host = host
      if (table.match(facts as never, path).kind !== 'route') throw new Error(`no route for ${host}${path}`)
    }
    return { look, loadMs, buildMs, heldMiB: (heapBytes() - heap) / 1_048_576 }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function measureKeys(size: number): Figures {
  const counters = new MemoryCounters()
  const limit = { counter: 'c', windowMs: 3_600_000, max: 1_000_000_000, algorithm: 'fixed' } as const
  const keys = Array.from({ length: size }, (_, i) => `@10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  const heap = heapBytes()
  for (const key of keys) counters.increment(limit, key, () => {})
  const bytesEach = (heapBytes() - heap) / size
  const hitNs = nanosecondsOf(looks, (i) => counters.increment(limit, keys[(i * 7919) % size]!, () => {}))
  counters.close()
  return { 'hit ns': hitNs, 'bytes each': bytesEach }
}

async function measureSeries(size: number): Promise<Figures> {
  const metrics = new Metrics()
  const family = metrics.histogram('bench_seconds', 'Bench.', ['route'], [0.001, 0.01, 0.1, 1, 10])
  for (let i = 0; i < size; i++) family.series(`r${i}`).observe(i / size)
  const series = family.series('r0')
  const observeNs = nanosecondsOf(looks, (i) => series.observe(i / looks))
  let longest = 0
  const startedAt = performance.now()
  let at = startedAt
  for await (const _piece of metrics.pieces()) {
    longest = Math.max(longest, performance.now() - at)
    await new Promise(setImmediate)
    at = performance.now()
  }
  return { 'observe ns': observeNs, 'scrape ms': performance.now() - startedAt, 'longest stall ms': longest }
}

function nanosecondsOf(times: number, work: (i: number) => void): number {
  for (let i = 0; i < times / 10; i++) work(i)
  // Of this thread: what others do on the machine is not in it.
  const before = process.threadCpuUsage()
  for (let i = 0; i < times; i++) work(i)
  const { user, system } = process.threadCpuUsage(before)
  return ((user + system) * 1000) / times
}

function heapBytes(): number {
  for (let i = 0; i < 3; i++) globalThis.gc!()
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
}

if (process.argv[1] === import.meta.filename) {
  const [name, size] = process.argv.slice(2)
  const growth = growths.find((one) => one.name === name)
  if (growth === undefined) throw new Error(`nothing is known of "${name}"`)
  process.stdout.write(JSON.stringify(await growth.measure(Number(size))))
}
