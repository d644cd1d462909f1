/**
 * `node bench/redis.ts`: three gateways of their own on one Redis, which is killed, frozen, filled and slowed down under load.
 * No request may fail, the limit must be exact, and once the outage is a second old nobody may notice it. Exits 1 otherwise.
 * On a machine that others use too: `chrt --rr 10 node bench/redis.ts`.
 */
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunningSluice, runSluice } from '../test/support/child.ts'
import { slowWayTo, startRedis, type TestRedis } from '../test/support/redis.ts'

const GATEWAYS = 3
const LIMIT = 1000
const CONNECTIONS = 16
const PHASE_MS = 3000
/** Each fault as often, and before it a healthy phase. The best ratio is judged: noise makes a phase slower, and never faster than it is. */
const ROUNDS = 3
const SLOWER_ALLOWED = 1.2
const RECOVERY_MS = 2500

interface Phase {
  readonly name: string
  readonly requests: number
  readonly failed: number
  /** Milliseconds, of requests that began after the first second. */
  readonly p50: number
  readonly p99: number
  /** The longest of all. */
  readonly max: number
}

interface Outage {
  readonly name: string
  begin(redis: TestRedis, way: { latencyMs: number }): Promise<unknown>
  end(redis: TestRedis, way: { latencyMs: number }): Promise<unknown>
}

const outages: readonly Outage[] = [
  { name: 'killed', begin: (redis) => redis.kill(), end: (redis) => redis.restart() },
  { name: 'frozen', begin: async (redis) => redis.freeze(), end: async (redis) => redis.thaw() },
  { name: 'restarted', begin: (redis) => redis.restart(), end: async () => {} },
  {
    name: 'full',
    begin: (redis) => redis.client.config('SET', 'maxmemory', '1'),
    end: (redis) => redis.client.config('SET', 'maxmemory', '0'),
  },
  {
    name: '200 ms away',
    begin: async (_, way) => {
      way.latencyMs = 200
    },
    end: async (_, way) => {
      way.latencyMs = 0
    },
  },
]

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

async function main(): Promise<boolean> {
  await using redis = await startRedis()
  await using way = await slowWayTo(redis.port)
  // Patient, so that it is the limit that is measured here and not a busy machine.
  const patient = await startFleet(config(redis.url, '2s'))
  const first = await admitted(patient.urls)
  console.log(`a limit of ${LIMIT} admits ${first} of ${5 * LIMIT} requests at once to ${GATEWAYS} gateways`)
  await redis.kill()
  const alone = await admitted(patient.urls)
  console.log(`Redis killed in the same window, each gateway has its share: ${alone} more`)
  await redis.restart()
  await sleep(RECOVERY_MS)
  const last = await admitted(patient.urls)
  console.log(`Redis back, and empty: ${last}`)
  await patient[Symbol.asyncDispose]()

  await using fleet = await startFleet(config(way.url, '50ms'))
  const url = fleet.urls[0]!
  await load(url, '/local', 'warm-up')
  const local = await suffer({ redis, way, url, path: '/local' })
  const allow = await suffer({ redis, way, url, path: '/allow' })
  agent.destroy()
  const shares = GATEWAYS * Math.floor(LIMIT / GATEWAYS)
  return local && allow && first === LIMIT && alone === shares && last === LIMIT
}

interface Fleet extends AsyncDisposable {
  readonly urls: readonly string[]
}

async function startFleet(yaml: string): Promise<Fleet> {
  const gateways: RunningSluice[] = []
  for (let i = 0; i < GATEWAYS; i++) gateways.push(await runSluice(yaml))
  await Promise.all(gateways.map((gateway) => gateway.serving()))
  // Each has to have heard of the others.
  await sleep(RECOVERY_MS)
  return {
    urls: gateways.map(({ url }) => url),
    async [Symbol.asyncDispose]() {
      for (const gateway of gateways) await gateway[Symbol.asyncDispose]()
    },
  }
}

/** Each fault, and before it the same load while Redis is well. */
async function suffer({ redis, way, url, path }: Subject): Promise<boolean> {
  let good = true
  for (const outage of outages) {
    const ratios: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const healthy = await load(url, path, 'healthy')
      await outage.begin(redis, way)
      const phase = await load(url, path, outage.name)
      await outage.end(redis, way)
      show(path, healthy)
      show(path, phase, healthy)
      ratios.push(phase.p99 / healthy.p99)
      good &&= healthy.failed + phase.failed === 0
      await sleep(RECOVERY_MS)
    }
    good &&= Math.min(...ratios) <= SLOWER_ALLOWED
  }
  return good
}

interface Subject {
  readonly redis: TestRedis
  readonly way: { latencyMs: number }
  readonly url: string
  readonly path: string
}

function config(store: string, timeout: string): string {
  const route = (name: string, options: string) =>
    `  ${name}: { match: /${name}, respond: { status: 200 }, public: bench, plugins: [rate-limit: { window: 1h, ${options} }] }`
  return `listen: http://127.0.0.1:0
admin: http://127.0.0.1:0
store: { redis: "${store}", timeout: ${timeout} }
routes:
${route('exact', `max: ${LIMIT}`)}
${route('local', 'max: 1000000000')}
${route('allow', 'max: 1000000000, onStoreFailure: allow')}
`
}

/** How many of five times the limit pass, all at once. */
async function admitted(urls: readonly string[]): Promise<number> {
  const asked = Array.from({ length: 5 * LIMIT }, (_, i) => status(`${urls[i % urls.length]}/exact`))
  const codes = await Promise.all(asked)
  return codes.filter((code) => code === 200).length
}

async function load(url: string, path: string, name: string): Promise<Phase> {
  const times: { readonly at: number; readonly took: number }[] = []
  let failed = 0
  const start = performance.now()
  const client = async () => {
    while (performance.now() - start < PHASE_MS) {
      const at = performance.now()
      if ((await status(url + path)) !== 200) failed++
      times.push({ at: at - start, took: performance.now() - at })
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, client))
  const steady = times.filter(({ at }) => at > 1000).map(({ took }) => took)
  steady.sort((one, other) => one - other)
  const max = Math.max(...times.map(({ took }) => took))
  const share = (part: number) => steady[Math.floor(steady.length * part)]!
  return { name, requests: times.length, failed, p50: share(0.5), p99: share(0.99), max }
}

/** 0 where no answer comes. */
function status(url: string): Promise<number> {
  return new Promise((resolve) => {
    const request = get(url, { agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode!))
      response.on('error', () => resolve(0))
    })
    request.on('error', () => resolve(0))
  })
}

function show(path: string, phase: Phase, healthy = phase): void {
  const { name, requests, failed, p50, p99, max } = phase
  const ratio = (p99 / healthy.p99).toFixed(2)
  const times = `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms (× ${ratio}), longest ${max.toFixed(0)} ms`
  console.log(
    `${path.padEnd(7)} ${name.padEnd(12)} ${String(requests).padStart(6)} requests, ${failed} failed, ${times}`,
  )
}

process.exitCode = (await main()) ? 0 : 1
