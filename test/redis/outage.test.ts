/** What requests meet while Redis is gone, slow, full or unwilling; each form with a Redis of its own. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { slowWayTo, startRedis, type TestRedis } from '../support/redis.ts'

/** Patient: whether a busy machine answers in time is not the question. */
const limited = (store: string, max: number) => `
store: { redis: "${store}", timeout: 3s }
routes:
  a: { match: /a, respond: { status: 200 }, public: test, plugins: [{ rate-limit: { max: ${max}, window: 1h } }] }
`

interface Outage {
  readonly name: string
  /** As the log names it. */
  readonly reason: RegExp
  /** Of the limit of 5 with 2 counted before. */
  readonly left: number
  begin(redis: TestRedis): Promise<unknown>
  end(redis: TestRedis): Promise<unknown>
}

const outages: readonly Outage[] = [
  {
    name: 'killed',
    reason: /closed|ECONNRE|EPIPE/,
    left: 5,
    begin: (redis) => redis.kill(),
    end: (redis) => redis.restart(),
  },
  // The hit that nobody waited for was counted all the same.
  {
    name: 'frozen',
    reason: /timeout/,
    left: 2,
    begin: async (redis) => redis.freeze(),
    end: async (redis) => redis.thaw(),
  },
  {
    name: 'full',
    reason: /OOM/,
    left: 3,
    begin: (redis) => redis.client.config('SET', 'maxmemory', '1'),
    end: (redis) => redis.client.config('SET', 'maxmemory', '0'),
  },
  {
    name: 'a replica',
    reason: /READONLY/,
    left: 3,
    begin: (redis) => redis.client.replicaof('127.0.0.1', 1),
    end: (redis) => redis.client.replicaof('NO', 'ONE'),
  },
  {
    name: 'forbidden to us',
    reason: /NOPERM/,
    left: 3,
    begin: (redis) => redis.client.call('ACL', 'SETUSER', 'default', '-eval', '-evalsha'),
    end: (redis) => redis.client.call('ACL', 'SETUSER', 'default', '+@all'),
  },
]

test.concurrent.for(outages)(
  'goes on by itself while Redis is $name, and returns to it',
  async (outage, { expect }) => {
    await using redis = await startRedis()
    await using gateway = await startGateway(limited(redis.url, 5))
    expect(await statuses(gateway, 2)).toEqual([200, 200])
    expect(await storeUp(gateway)).toBe(1)

    await outage.begin(redis)

    // One node lives, so all of the limit is its share.
    expect(await statuses(gateway, 7)).toEqual([200, 200, 200, 200, 200, 429, 429])
    expect(await storeUp(gateway)).toBe(0)

    await outage.end(redis)
    await expect.poll(() => storeUp(gateway)).toBe(1)

    expect((await statuses(gateway, 6)).filter((status) => status === 200)).toHaveLength(outage.left)
    expect(transitions(gateway)).toEqual([
      expect.stringMatching(/^info the store answers/),
      expect.stringMatching(outage.reason),
      expect.stringMatching(/^info the store answers/),
    ])
  },
)

test.concurrent('costs an outage one timeout, and not one a request', async ({ expect }) => {
  await using redis = await startRedis()
  await using gateway = await startGateway(limited(redis.url, 1000))
  const asked = performance.now()
  await statuses(gateway, 10)
  const usual = performance.now() - asked
  redis.freeze()

  const start = performance.now()
  await Promise.all(Array.from({ length: 10 }, () => gateway.fetch('/a')))
  const waited = performance.now() - start
  expect(await statuses(gateway, 10)).toEqual(Array(10).fill(200))
  const after = performance.now() - start - waited

  expect(waited).toBeGreaterThan(2900)
  // Without a timeout they take what they took before, within what a busy machine adds.
  expect(after).toBeLessThan(2900 + 10 * usual)
})

test.concurrent('takes a Redis that answers too late for one that does not', async ({ expect }) => {
  await using redis = await startRedis()
  await using way = await slowWayTo(redis.port)
  await using gateway = await startGateway(limited(way.url, 3))
  await gateway.fetch('/a')

  way.latencyMs = 6000
  expect(await statuses(gateway, 4)).toEqual([200, 200, 200, 429])
  expect(await storeUp(gateway)).toBe(0)

  way.latencyMs = 0
  await expect.poll(() => storeUp(gateway)).toBe(1)
})

test.concurrent.for([
  ['what is no Redis', 'HTTP/1.1 400 Bad Request\r\n\r\n', /closed/],
  ['a text for a number', '$5\r\nhello\r\n', /malformed/],
  ['nothing for a number', '$-1\r\n', /malformed/],
  ['that it still loads', '-LOADING Redis is loading the dataset in memory\r\n', /LOADING/],
  ['that its keys are elsewhere', '-MOVED 3999 10.0.0.1:6379\r\n', /MOVED/],
  ['that its keys are on their way', '-ASK 3999 10.0.0.1:6379\r\n', /ASK/],
  ['that its cluster is down', '-CLUSTERDOWN The cluster is down\r\n', /CLUSTERDOWN/],
  ['that it has lost its primary', '-MASTERDOWN Link with MASTER is down\r\n', /MASTERDOWN/],
  ['that a script keeps it busy', '-BUSY Redis is busy running a script.\r\n', /BUSY/],
  ['half of an answer, and hangs up', '*2\r\n:1', /closed|timeout/],
] as const)('counts by itself where the store says %s', async ([, answer, reason], { expect }) => {
  await using odd = await oddServer(answer)
  await using gateway = await startGateway(limited(odd.url, 2))

  expect(await statuses(gateway, 3)).toEqual([200, 200, 429])
  expect(transitions(gateway)).toEqual([expect.stringMatching(reason)])
})

test.concurrent('notices nothing of scripts and counts that Redis forgets', async ({ expect }) => {
  await using redis = await startRedis()
  await using gateway = await startGateway(
    limited(redis.url, 100).replace('window: 1h', 'window: 1h, onStoreFailure: deny'),
  )
  const flood = async (during: () => Promise<unknown>) => {
    const answers = Array.from({ length: 300 }, (_, i) => (i % 50 === 10 ? during() : gateway.fetch('/a')))
    const found = await Promise.all(answers)
    return found.flatMap((answer) => (answer instanceof Response ? answer.status : []))
  }

  const forgotten = await flood(() => redis.client.script('FLUSH'))
  expect(forgotten.filter((status) => status === 200)).toHaveLength(100)
  const emptied = await flood(() => redis.client.flushall())

  expect(new Set([...forgotten, ...emptied])).toEqual(new Set([200, 429]))
  expect(transitions(gateway)).toEqual(['info the store answers '])
})

test.concurrent('starts without Redis, says so once, and takes it up when it comes', async ({ expect }) => {
  await using redis = await startRedis()
  await redis.kill()
  await using gateway = await startGateway(limited(redis.url, 2))

  expect(await statuses(gateway, 3)).toEqual([200, 200, 429])
  expect(transitions(gateway)).toEqual([expect.stringMatching(/^warn the store does not answer ECONNREFUSED/)])

  await redis.restart()
  await expect.poll(() => storeUp(gateway)).toBe(1)
})

test.concurrent('refuses with 503 and Retry-After under deny, and lets all pass under allow', async ({ expect }) => {
  await using redis = await startRedis()
  await redis.kill()
  await using gateway = await startGateway(`
store: { redis: "${redis.url}", onFailure: deny }
routes:
  denied: { match: /denied, respond: { status: 200 }, public: test, plugins: [{ rate-limit: { max: 1, window: 1h } }] }
  allowed: { match: /allowed, respond: { status: 200 }, public: test, plugins: [{ rate-limit: { max: 1, window: 1h, onStoreFailure: allow } }] }
`)

  const denied = await gateway.fetch('/denied')
  expect(denied.status).toBe(503)
  expect(denied.headers.get('retry-after')).toBe('1')
  expect(await denied.json()).toMatchObject({ code: 'store-unavailable' })
  expect(await statuses(gateway, 3, '/allowed')).toEqual([200, 200, 200])
})

test.concurrent('tells nobody the password that Redis refuses', async ({ expect }) => {
  await using redis = await startRedis(['--requirepass', 'right'])
  await using gateway = await startGateway(limited(`redis://:hunter2@127.0.0.1:${redis.port}`, 2))

  expect(await statuses(gateway, 3)).toEqual([200, 200, 429])
  expect(transitions(gateway)).toEqual([expect.stringMatching(/WRONGPASS/)])
  const shown = await (await fetch(`${gateway.adminUrl}/api/config`)).text()
  expect(JSON.stringify(gateway.log) + shown).not.toContain('hunter2')
  expect(shown).toContain('redis://<redacted>@127.0.0.1')
})

test.concurrent('goes over to another Redis on reload, and lets go of the one before', async ({ expect }) => {
  await using first = await startRedis()
  await using second = await startRedis()
  await using gateway = await startGateway(limited(first.url, 2))
  expect(await statuses(gateway, 3)).toEqual([200, 200, 429])

  expect(await gateway.reload(limited(second.url, 2))).toMatchObject({ ok: true })

  expect(await statuses(gateway, 3)).toEqual([200, 200, 429])
  await expect.poll(() => clientsNamed(first)).toBe(0)
  expect(await gateway.reload(limited(second.url, 2).replace(/^store:.*$/m, 'store: memory'))).toMatchObject({
    ok: true,
  })
  expect(await statuses(gateway, 3)).toEqual([200, 200, 429])
  await expect.poll(() => clientsNamed(second)).toBe(0)
  expect(await storeUp(gateway)).toBe(1)
})

/** Says the same to everything. */
async function oddServer(answer: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => {
      socket.write(answer)
      if (answer.startsWith('*')) socket.end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}

async function statuses(gateway: TestGateway, count: number, path = '/a'): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < count; i++) found.push((await gateway.fetch(path)).status)
  return found
}

async function storeUp(gateway: TestGateway): Promise<number> {
  return Number(/^sluice_store_up (\d)$/m.exec(await gateway.metrics())?.[1])
}

function transitions({ log }: TestGateway): string[] {
  return log
    .filter(({ message }) => String(message).startsWith('the store'))
    .map(({ level, message, reason }) => `${level} ${message} ${reason ?? ''}`)
}

async function clientsNamed(redis: TestRedis): Promise<number> {
  return ((await redis.client.client('LIST')) as string).split('name=sluice ').length - 1
}
