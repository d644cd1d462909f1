/** API keys that live in Redis: added and revoked by the command, taken over by gateways that run. */
import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { newKey, runKey } from '../../src/commands/key.ts'
import { readKey, writeKey } from '../../src/redis/stored-keys.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startRedis } from '../support/redis.ts'
import { shownBy } from '../support/shown.ts'

const keyed = (store: string) => `
store: ${store}
consumers:
  shop: { groups: [partner], keys: ["sha256:${hash('sha256', 'in-the-file')}"] }
routes:
  a: { match: /a, respond: { status: 200 }, plugins: [api-key] }
  partners: { match: /partners, respond: { status: 200 }, plugins: [api-key, acl: { groups: [partner] }] }
`

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return shownBy(runKey, args, { env })
}

async function make(store: string, ...args: string[]): Promise<{ key: string; id: string; hash: string }> {
  const { code, stdout, stderr } = await run(['new', ...args, '--json', '--store', store])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

async function status(gateway: TestGateway, key: string, path = '/a'): Promise<number> {
  return (await gateway.fetch(path, { headers: { 'x-api-key': key } })).status
}

test.concurrent('works on every gateway soon after it was made, and nowhere within a second of its end', async ({
  expect,
}) => {
  await using redis = await startRedis()
  await using one = await startGateway(keyed(redis.url))
  await using other = await startGateway(keyed(redis.url))

  const { key, id } = await make(redis.url, 'shop')
  const both = async () => [await status(one, key), await status(other, key)]
  await expect.poll(both).toEqual([200, 200])
  // Of the consumer that the file knows, with its groups.
  expect(await status(one, key, '/partners')).toBe(200)

  const start = performance.now()
  expect(await run(['revoke', id, '--store', redis.url])).toMatchObject({ code: 0 })
  await expect.poll(both, { interval: 10 }).toEqual([401, 401])
  // A second on a machine that has time; the gateways look twice in it.
  expect(performance.now() - start).toBeLessThan(3000)
  expect(await status(one, 'in-the-file')).toBe(200)
})

test.concurrent('is known to a gateway that starts, with its own groups, until it expires', async ({ expect }) => {
  await using redis = await startRedis()
  const partner = await make(redis.url, 'new-shop', '--groups', 'partner,vip')
  const stranger = await make(redis.url, 'stranger', '--groups', 'none')
  const brief = await make(redis.url, 'brief', '--expires', new Date(Date.now() + 60_000).toISOString())
  const [field] = await redis.client.hkeys('sluice:{keys}')
  expect(field).toMatch(/^[0-9a-f]{64}$/)

  await using gateway = await startGateway(keyed(redis.url))
  expect(await status(gateway, partner.key, '/partners')).toBe(200)
  expect(await status(gateway, stranger.key, '/partners')).toBe(403)
  expect(await status(gateway, stranger.key)).toBe(200)
  expect(await status(gateway, brief.key)).toBe(200)
  expect(await status(gateway, newKey('shop').key)).toBe(401)
})

test.concurrent('goes on with the keys it knows while Redis is gone, for as long as it may', async ({ expect }) => {
  await using redis = await startRedis()
  const { key } = await make(redis.url, 'shop')
  await using patient = await startGateway(keyed(redis.url))
  await using strict = await startGateway(keyed(`{ redis: "${redis.url}", keyGrace: 0ms }`))
  expect([await status(patient, key), await status(strict, key)]).toEqual([200, 200])

  await redis.kill()

  // Not known is not the same as not valid.
  await expect.poll(() => status(strict, key)).toBe(503)
  const refused = await strict.fetch('/a', { headers: { 'x-api-key': 'any' } })
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toMatchObject({ code: 'store-unavailable' })
  expect(await status(strict, 'in-the-file')).toBe(200)
  expect([await status(patient, key), await status(patient, 'any')]).toEqual([200, 401])

  // Started anew, it knows no keys: and what it says counts.
  await redis.restart()
  await expect.poll(() => status(patient, key)).toBe(401)
  await expect.poll(() => status(strict, key)).toBe(401)
})

test.concurrent('does not say 401 to a key of the store when it never saw the store', async ({ expect }) => {
  await using redis = await startRedis()
  await redis.kill()
  await using gateway = await startGateway(keyed(redis.url))

  expect(await status(gateway, 'any')).toBe(503)
  expect(await status(gateway, 'in-the-file')).toBe(200)
})

test.concurrent('takes over more keys than fit one answer', async ({ expect }) => {
  await using redis = await startRedis()
  await using gateway = await startGateway(keyed(`{ redis: "${redis.url}", timeout: 1s }`))
  const keys = Array.from({ length: 600 }, (_, i) => `key-${i}`)
  const writes = redis.client.pipeline()
  for (const [i, key] of keys.entries()) {
    const text = writeKey({ consumer: `c-${i}`, groups: [], id: `${i}`, expires: undefined })
    writes.hset('sluice:{keys}', hash('sha256', key), text).zadd('sluice:{keys}:versions', i + 1, hash('sha256', key))
  }
  await writes.hset('sluice:{keys}:head', 'epoch', 'e', 'version', keys.length).exec()

  await expect.poll(() => status(gateway, 'key-599')).toBe(200)
  expect(await status(gateway, 'key-0')).toBe(200)
})

test.concurrent('lists what is there, and never a key', async ({ expect }) => {
  await using redis = await startRedis(['--requirepass', 'hunter2'])
  const args = ['--store', `redis://:\${env:PASSWORD}@127.0.0.1:${redis.port}`]
  const env = { PASSWORD: 'hunter2' }
  const made = await run(['new', 'shop', '--id', 'till-1', '--groups', 'partner', ...args, '--json'], env)
  const { key } = JSON.parse(made.stdout)

  const listed = await run(['list', ...args], env)
  expect(listed).toEqual({ code: 0, stdout: 'shop  till-1  groups partner\n', stderr: '' })
  const all = JSON.stringify(await redis.client.hgetall('sluice:{keys}'))
  expect(all).not.toContain(key)
  expect(await run(['revoke', 'till-2', ...args], env)).toMatchObject({
    code: 1,
    stderr: 'no key in the store has the id "till-2"\n',
  })
  expect((await run(['revoke', 'till-1', ...args], env)).stdout).toContain('revoked till-1 of shop')
  expect((await run(['list', ...args], env)).stdout).toBe('no keys\n')

  const wrong = await run(['list', ...args], { PASSWORD: 'hunter3' })
  expect(wrong).toEqual({
    code: 1,
    stdout: '',
    stderr: `the store at 127.0.0.1:${redis.port} cannot be used: WRONGPASS\n`,
  })
})

test.for([
  [['new', 'shop', '--groups', 'a'], 2, '--groups is for a key in a store'],
  [['new', 'shop', '--store', 'redis://127.0.0.1', '--groups', 'a,,b'], 2, '--groups takes names'],
  [['new', 'shop', '--store', 'redis://127.0.0.1', '--expires', 'tomorrow'], 2, '--expires takes a time to come'],
  [['new', 'shop', '--store', 'redis://127.0.0.1', '--expires', '2020-01-01'], 2, '--expires takes a time to come'],
  [['new', 'shop', '--store', 'redis://127.0.0.1', '--id', 'a b'], 2, '--id takes'],
  [['list'], 2, '--store says where the keys are'],
  [['list', '--store', 'redis:hunter2@x'], 1, '--store: the URL names no host'],
  [['list', '--store', `\${env:NOWHERE}`], 1, '--store: missing variable NOWHERE'],
  [['list', '--store', 'redis://127.0.0.1:1'], 1, 'the store at 127.0.0.1:1 cannot be used: ECONNREFUSED'],
] as const)('sluice key %j says what is wrong', async ([args, code, message]) => {
  const { stdout, stderr, ...found } = await run(args)

  expect({ ...found, stdout }).toEqual({ code, stdout: '' })
  expect(stderr).toContain(message)
  expect(stderr).not.toContain('hunter2')
})

test.for([
  '',
  '{}',
  'null',
  '[]',
  '"x"',
  '{"consumer":"a"}',
  '{"consumer":"a b","id":"1"}',
  '{"consumer":"a","id":1}',
  '{"consumer":"a","id":"1","groups":"admin"}',
  '{"consumer":"a","id":"1","groups":[1]}',
  '{"consumer":"a","id":"1","expires":"never"}',
])('takes %j in Redis for no key', (text) => {
  expect(readKey(text)).toBeNull()
})
