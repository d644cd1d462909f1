/**
 * `node bench/redis.ts`: three gateways of their own on one Redis, which is killed, frozen, filled and slowed down under load.
 * No request may fail, the limit must be exact, and once the outage is a second old nobody may notice it. Exits 1 otherwise.
 * Requests come at a rate that the machine carries with ease, and in turn to a gateway whose Redis is well: what else the machine
 * does comes to both.
 */
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunningSluice, runSluice } from '../test/support/child.ts'
import { slowWayTo, startRedis, type TestRedis } from '../test/support/redis.ts'

const GATEWAYS = 3
const LIMIT = 1000
/** To each of the two. */
const REQUESTS_PER_SECOND = 300
const PHASE_MS = 3000
/** Each fault as often. The median of the ratios is judged. */
const ROUNDS = 5
const SLOWER_ALLOWED = 1.2
const RECOVERY_MS = 2500

interface Phase {
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
  await using wellRedis = await startRedis()
  await using wellWay = await slowWayTo(wellRedis.port)
  await using well = await startFleet(config(wellWay.url, '50ms'), 1)
  const urls = { ill: fleet.urls[0]!, well: well.urls[0]! }
  const subject = { redis, way, urls, adminUrl: fleet.adminUrls[0]! }
  await load(urls, '/local')
  const local = await suffer({ ...subject, path: '/local' })
  const allow = await suffer({ ...subject, path: '/allow' })
  agent.destroy()
  const shares = GATEWAYS * Math.floor(LIMIT / GATEWAYS)
  return local && allow && first === LIMIT && alone === shares && last === LIMIT
}

interface Fleet extends AsyncDisposable {
  readonly urls: readonly string[]
  readonly adminUrls: readonly string[]
}

async function startFleet(yaml: string, size = GATEWAYS): Promise<Fleet> {
  const gateways: RunningSluice[] = []
  for (let i = 0; i < size; i++) gateways.push(await runSluice(yaml))
  await Promise.all(gateways.map((gateway) => gateway.serving()))
  // Each has to have heard of the others.
  await sleep(RECOVERY_MS)
  return {
    urls: gateways.map(({ url }) => url),
    adminUrls: gateways.map(({ adminUrl }) => adminUrl),
    async [Symbol.asyncDispose]() {
      for (const gateway of gateways) await gateway[Symbol.asyncDispose]()
    },
  }
}

async function suffer({ redis, way, urls, adminUrl, path }: Subject): Promise<boolean> {
  let good = true
  for (const outage of outages) {
    const rounds: Sides<Phase>[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await outage.begin(redis, way)
      rounds.push(await load(urls, path))
      await outage.end(redis, way)
      while (!/^sluice_store_up 1$/m.test(await (await fetch(`${adminUrl}/metrics`)).text())) await sleep(50)
    }
    const well = middle(rounds.map((round) => round.well))
    const ill = middle(rounds.map((round) => round.ill))
    const ratios = rounds.map((round) => round.ill.p99 / round.well.p99).sort((one, other) => one - other)
    show(path, outage.name, ill)
    show(path, 'well', well)
    const ratio = ratios[ROUNDS >> 1]!
    console.log(`${' '.repeat(8)}p99 × ${ratio.toFixed(2)}, of ${ratios.map((one) => one.toFixed(2)).join(' ')}`)
    good &&= well.failed + ill.failed === 0 && ratio <= SLOWER_ALLOWED
  }
  return good
}

interface Sides<One> {
  readonly ill: One
  readonly well: One
}

interface Subject {
  readonly redis: TestRedis
  readonly way: { latencyMs: number }
  readonly urls: Sides<string>
  readonly adminUrl: string
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

interface Sent {
  readonly at: number
  readonly took: number
  readonly code: number
}

/** Requests at their times, whether those before them are answered or not; to each side in turn. */
async function load(urls: Sides<string>, path: string): Promise<Sides<Phase>> {
  const sent: Sides<Promise<Sent>[]> = { ill: [], well: [] }
  const start = performance.now()
  const send = async (url: string) => {
    const at = performance.now() - start
    const code = await status(url + path)
    return { at, took: performance.now() - start - at, code }
  }
  for (let now = 0; now < PHASE_MS; now = performance.now() - start) {
    while (sent.well.length < (now * REQUESTS_PER_SECOND) / 1000) {
      sent.ill.push(send(urls.ill))
      sent.well.push(send(urls.well))
    }
    await sleep(1)
  }
  return { ill: phaseOf(await Promise.all(sent.ill)), well: phaseOf(await Promise.all(sent.well)) }
}

function phaseOf(sent: readonly Sent[]): Phase {
  const steady = sent.filter(({ at }) => at > 1000).map(({ took }) => took)
  steady.sort((one, other) => one - other)
  const share = (part: number) => steady[Math.floor(steady.length * part)]!
  return {
    requests: sent.length,
    failed: sent.filter(({ code }) => code !== 200).length,
    p50: share(0.5),
    p99: share(0.99),
    max: Math.max(...sent.map(({ took }) => took)),
  }
}

/** Sums of the counts, medians of the times, and the longest. */
function middle(phases: readonly Phase[]): Phase {
  const all = (read: (phase: Phase) => number) => phases.map(read).sort((one, other) => one - other)
  const sum = (read: (phase: Phase) => number) => all(read).reduce((one, other) => one + other, 0)
  const median = (read: (phase: Phase) => number) => all(read)[phases.length >> 1]!
  return {
    requests: sum(({ requests }) => requests),
    failed: sum(({ failed }) => failed),
    p50: median(({ p50 }) => p50),
    p99: median(({ p99 }) => p99),
    max: all(({ max }) => max).at(-1)!,
  }
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

function show(path: string, name: string, { requests, failed, p50, p99, max }: Phase): void {
  const times = `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, longest ${max.toFixed(0)} ms`
  console.log(`${path.padEnd(7)} ${name.padEnd(12)} ${requests} requests, ${failed} failed, ${times}`)
}

process.exitCode = (await main()) ? 0 : 1
