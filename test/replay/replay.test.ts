import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { runReplay } from '../../src/commands/replay.ts'
import type { ReplayResult } from '../../src/replay/replay.ts'
import { startGateway } from '../support/gateway.ts'
import { shownBy } from '../support/shown.ts'

const cwd = mkdtempSync(join(tmpdir(), 'sluice-replay-'))
afterAll(() => rmSync(cwd, { recursive: true }))

const routes = `
consumers:
  shop: { groups: [a], keys: ["sha256:c48a01f49fd0f2cc404bc3cbbc80e91457a3d41bb429a695243de4c61794155c"] }
plugins: [access-log: { to: access.log }]
upstreams: { echo: builtin://echo, other: builtin://echo }
routes:
  orders: { match: /orders/*, upstream: echo, plugins: [api-key] }
  account: { match: /account, upstream: echo, plugins: [api-key] }
  limited: { match: /limited, upstream: echo, public: t, plugins: [rate-limit: { max: 4, window: 1h }] }
  kept: { match: /kept, upstream: echo, public: t, plugins: [cache: { ttl: 1h }] }
  plain: { match: /plain, upstream: echo, public: t }
`

function run(...args: string[]) {
  return shownBy(runReplay, args, { cwd })
}

/** A log as it was written while the routes above served. */
beforeAll(async () => {
  await using gateway = await startGateway(routes)
  const key = { headers: { 'x-api-key': 'demo-key' } }
  const get = async (path: string, init?: RequestInit) => void (await (await gateway.fetch(path, init)).arrayBuffer())
  for (let i = 0; i < 3; i++) await get(`/orders/${i}`, key)
  await get('/orders/3')
  for (let i = 0; i < 2; i++) await get('/account', key)
  await get('/account')
  for (let i = 0; i < 6; i++) await get('/limited')
  for (let i = 0; i < 3; i++) await get('/kept')
  for (let i = 0; i < 2; i++) await get('/plain')
  await get('/nothing')
  const log = join(gateway.folder, 'access.log')
  const lines = () => readFileSync(log, 'utf8').split('\n').length - 1
  await vi.waitFor(() => expect(lines()).toBe(19), 60_000)
  writeFileSync(join(cwd, 'access.log'), readFileSync(log))
})

async function replayed(config: string, log = 'access.log'): Promise<ReplayResult> {
  writeFileSync(join(cwd, 'new.yaml'), config)
  const { code, stdout } = await run(log, '--config', 'new.yaml', '--json')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

/** `2 newly-limited limited`. */
async function found(config: string): Promise<string[]> {
  const { groups } = await replayed(config)
  return groups.flatMap(({ kind, by }) => by.map(({ change, count }) => `${count} ${kind} ${change}`))
}

const changed = (from: string, to: string) => {
  expect(routes).toContain(from)
  return routes.replace(from, to)
}

test('finds nothing under the config that the log was written under', async () => {
  expect(await replayed(routes)).toMatchObject({ lines: 19, requests: 19, changed: 0, groups: [], undecided: 0 })
})

test('finds exactly what loses its authentication, its allowance and its path', async () => {
  const open = changed(
    'account: { match: /account, upstream: echo, plugins: [api-key] }',
    'account: { match: /account, upstream: echo, public: t }',
  )
  const next = open.replace('max: 4', 'max: 3').replace('match: /plain', 'match: /fancy')
  writeFileSync(join(cwd, 'new.yaml'), next)

  const { code, stdout } = await run('access.log', '--config', 'new.yaml')

  expect(code).toBe(0)
  expect(
    stdout.replaceAll(/\d{4}-\S+Z/g, '<time>').replaceAll(/127.0.0.1/g, '<host>'),
  ).toBe(`19 requests from <time> to <time>: 6 would end otherwise.

lose their route (404): 2
            2  plain → no route
    line 17  GET <host>/plain
    line 18  GET <host>/plain

are newly limited (429): 1
            1  limited
    line 11  GET <host>/limited

are let through, and were refused: 1
            1  account
    line 7  GET <host>/account

are no longer asked who they are: 2
            2  account
    line 5  GET <host>/account
    line 6  GET <host>/account

Not in the log, and so not looked at: bodies (their length is), headers that nothing in the old file reads, credentials. Who was
signed in counts as signed in wherever the new file still knows them; who was refused for bad credentials, as having bad ones;
everybody else, as having none.
`)
})

describe('finds', () => {
  test.for([
    [
      'a route that asks for credentials now',
      'plain: { match: /plain, upstream: echo, public: t }',
      'plain: { match: /plain, upstream: echo, plugins: [api-key] }',
      ['2 needs-credentials plain'],
    ],
    [
      'a consumer that is gone',
      'shop: {',
      'shop2: {',
      ['3 needs-credentials orders', '2 needs-credentials account'].reverse().sort(),
    ],
    [
      'a group that is asked for',
      'orders: { match: /orders/*, upstream: echo, plugins: [api-key] }',
      'orders: { match: /orders/*, upstream: echo, plugins: [api-key, acl: { groups: [b] }] }',
      ['3 now-forbidden orders'],
    ],
    [
      'a group that everybody has',
      'orders: { match: /orders/*, upstream: echo, plugins: [api-key] }',
      'orders: { match: /orders/*, upstream: echo, plugins: [api-key, acl: { groups: [a] }] }',
      [],
    ],
    ['a method that is not taken', 'match: /plain', 'match: POST /plain', ['2 method-refused plain → no route']],
    ['a looser limit', 'max: 4', 'max: 5', ['1 no-longer-limited limited']],
    ['an equal limit in another form', 'window: 1h', 'window: 60m', []],
    [
      'another upstream',
      'plain: { match: /plain, upstream: echo',
      'plain: { match: /plain, upstream: other',
      ['2 other-upstream plain: echo → other'],
    ],
    ['another route', 'plain: {', 'fancy: {', ['2 other-route plain → fancy']],
    [
      'a route for what had none',
      'match: /plain',
      'match: { paths: [/plain, /nothing] }',
      ['1 gains-route no route → plain'],
    ],
    [
      'whom nobody asked for credentials yet, where a limit above is looser',
      'public: t, plugins: [rate-limit: { max: 4, window: 1h }]',
      'plugins: [rate-limit: { max: 5, window: 1h, by: ip }, api-key]',
      ['4 needs-credentials limited', '1 no-longer-limited limited'],
    ],
    [
      'whom nobody asked for credentials yet, where there was no route',
      'orders: { match: /orders/*,',
      'orders: { match: { paths: [/orders/*, /nothing] },',
      ['1 gains-route no route → orders'],
    ],
    [
      'an answer of the gateway itself',
      'plain: { match: /plain, upstream: echo',
      'plain: { match: /plain, redirect: /x',
      ['2 answered-otherwise plain'],
    ],
    ['hits that are lost', ', plugins: [cache: { ttl: 1h }]', '', ['2 hit-lost kept']],
    [
      'hits that may come',
      'plain: { match: /plain, upstream: echo, public: t',
      'plain: { match: /plain, upstream: echo, public: t, plugins: [cache: { ttl: 1h }]',
      ['1 hit-gained plain'],
    ],
  ] as const)('%s', async ([, from, to, expected]) => {
    expect((await found(changed(from, to))).sort()).toEqual([...expected].sort())
  })
})

test('decides in the order in which requests came, whatever the order of the lines', async () => {
  // Those that came within one millisecond have no order that a log could tell.
  const lines = readFileSync(join(cwd, 'access.log'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line, index) => JSON.stringify({ ...JSON.parse(line), time: new Date(index).toISOString() }))
  writeFileSync(join(cwd, 'reversed.log'), lines.toReversed().join('\n'))

  const { groups } = await replayed(changed('max: 4', 'max: 2'), 'reversed.log')

  // Of six, the last two were refused; the two before them would be.
  expect(groups).toMatchObject([{ kind: 'newly-limited', count: 2, examples: [{ line: 10 }, { line: 9 }] }])
})

test('counts lines that are none of an access log, and goes on', async () => {
  const log = readFileSync(join(cwd, 'access.log'), 'utf8')
  const foreign = [
    '',
    'not json',
    '{"level":30,"msg":"started"}',
    '[1]',
    '{"time":"never","method":1}',
    'x'.repeat(3_000_000),
  ]
  writeFileSync(join(cwd, 'mixed.log.gz'), gzipSync(`${foreign.join('\n')}\n${log}{"time":"2026`))

  const result = await replayed(routes, 'mixed.log.gz')

  expect(result).toMatchObject({ requests: 19, changed: 0, foreign: { count: 6, lines: [2, 3, 4, 5, 6] } })
})

test('leaves out what no config decides, and what it cannot describe', async () => {
  const [line] = readFileSync(join(cwd, 'access.log'), 'utf8').split('\n')
  const record = JSON.parse(line!)
  const broken = { ...record, route: null, code: 'bad-request', status: 400, upstream: null }
  const odd = { ...record, method: 'BREW' }
  writeFileSync(join(cwd, 'odd.log'), [broken, odd].map((one) => JSON.stringify(one)).join('\n'))

  expect(await replayed(routes, 'odd.log')).toMatchObject({ lines: 2, requests: 0, undecided: 2, groups: [] })
})

test('refuses a log that is not there, torn or another one, and a config that does not load', async () => {
  writeFileSync(join(cwd, 'new.yaml'), routes)
  writeFileSync(join(cwd, 'plain.gz'), 'not packed')
  writeFileSync(join(cwd, 'torn.gz'), gzipSync(readFileSync(join(cwd, 'access.log'))).subarray(0, 500))
  writeFileSync(join(cwd, 'common.log'), '127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 23\n')

  const stderr = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args)
    return [code, stdout, stderr]
  }

  expect(await stderr('none.log', '--config', 'new.yaml')).toEqual([1, '', 'cannot read none.log: no such file\n'])
  expect(await stderr('plain.gz', '--config', 'new.yaml')).toEqual([
    1,
    '',
    'cannot read plain.gz: it is not packed by gzip\n',
  ])
  expect(await stderr('torn.gz', '--config', 'new.yaml')).toEqual([
    1,
    '',
    'cannot read torn.gz: it is packed by gzip, and its end is missing\n',
  ])
  expect(await stderr('common.log', '--config', 'new.yaml')).toEqual([
    1,
    '',
    'common.log is no access log: none of its lines is a record of the plugin access-log; the name of a packed one ends in .gz\n',
  ])
  expect(await run('access.log', '--config', 'none.yaml')).toMatchObject({ code: 1, stdout: '' })
  expect(await run()).toMatchObject({ code: 2, stdout: '' })
})

test('reads an empty log', async () => {
  writeFileSync(join(cwd, 'empty.log'), '')

  expect((await run('empty.log', '--config', 'new.yaml')).stdout).toBe('The log holds no requests.\n')
})

describe('of a split', () => {
  const shares = (old: number, next: number) =>
    `upstream: [{ upstream: echo, weight: ${old} }, { upstream: other, weight: ${next} }]`
  const split = (old: number, next: number, by: string | null = 'cookie:sid') => `
plugins: [access-log: { to: split.log }]
upstreams: { echo: builtin://echo, other: builtin://echo, third: builtin://echo }
routes:
  split: { match: /split, ${shares(old, next)}, public: t${by === null ? '' : `, split: { by: "${by}" }`} }
`

  /** What was asked of whom, with a cookie each, and the log of it. */
  async function logged(config: string): Promise<{ upstream: string; decisions: { inputs: { point: number } }[] }[]> {
    await using gateway = await startGateway(config)
    for (let i = 0; i < 40; i++)
      await (await gateway.fetch('/split', { headers: { cookie: `sid=visitor-${i}` } })).arrayBuffer()
    const log = join(gateway.folder, 'split.log')
    await vi.waitFor(() => expect(readFileSync(log, 'utf8').split('\n')).toHaveLength(41))
    const text = readFileSync(log, 'utf8')
    expect(text).not.toContain('visitor-')
    writeFileSync(join(cwd, 'split.log'), text)
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  test.for([['by a cookie', 'cookie:sid'] as const, ['by chance', null] as const])(
    '%s, finds exactly those that take the other side under other weights',
    async ([, by]) => {
      const records = await logged(split(50, 50, by))
      const places = records.map(({ decisions }) => decisions.at(-1)!.inputs.point)
      const moved = places.filter((point) => point >= 0.2 && point < 0.5).length

      expect(await replayed(split(50, 50, by), 'split.log')).toMatchObject({ changed: 0, sideUnknown: 0 })
      const { groups, sideUnknown } = await replayed(split(20, 80, by), 'split.log')

      expect(moved).toBeGreaterThan(0)
      expect(sideUnknown).toBe(0)
      expect(groups).toMatchObject([
        { kind: 'other-upstream', count: moved, by: [{ change: 'split: echo → other', count: moved }] },
      ])
    },
  )

  test('says of how many it cannot know the side, and knows who is on no side of it', async () => {
    const records = await logged(split(50, 50))
    const toEcho = records.filter(({ upstream }) => upstream === 'echo').length

    expect(await replayed(split(50, 50, 'cookie:other'), 'split.log')).toMatchObject({ changed: 0, sideUnknown: 40 })
    const without = split(50, 50, null).replace('{ upstream: echo,', '{ upstream: third,')
    const { groups, sideUnknown } = await replayed(without, 'split.log')

    expect(groups).toMatchObject([{ by: [{ change: 'split: echo → third or other', count: toEcho }] }])
    expect(sideUnknown).toBe(40 - toEcho)
  })

  test('knows that a request which was refused is on no side', async () => {
    await logged(split(50, 50))
    const record = JSON.parse(readFileSync(join(cwd, 'split.log'), 'utf8').split('\n')[0]!)
    const limit = { plugin: 'rate-limit', verdict: 'refuse', reason: 'rate-limited', mode: 'enforce' }
    const decisions = [{ ...limit, inputs: { limit: 'split', by: 'ip', max: 9, window: '1h' } }]
    const limited = { ...record, code: 'rate-limited', source: 'gateway', upstream: null, decisions }
    writeFileSync(join(cwd, 'limited.log'), JSON.stringify(limited))
    const config = split(50, 50, 'cookie:other').replace(
      'public: t',
      'public: t, plugins: [rate-limit: { max: 9, window: 1h, by: ip }]',
    )

    expect(await replayed(config, 'limited.log')).toMatchObject({ requests: 1, changed: 0, sideUnknown: 0 })
  })

  test('takes a request that a fallback answered as one of its own upstream', async () => {
    await logged(split(50, 50))
    const record = JSON.parse(readFileSync(join(cwd, 'split.log'), 'utf8').split('\n')[0]!)
    const fallback = { plugin: 'upstream', item: 'upstream', verdict: 'pass', reason: 'fallback', mode: 'enforce' }
    const decisions = [...record.decisions, { ...fallback, inputs: { upstream: 'third' } }]
    writeFileSync(join(cwd, 'fallback.log'), JSON.stringify({ ...record, upstream: 'third', decisions }))

    expect(await replayed(split(50, 50), 'fallback.log')).toMatchObject({ requests: 1, changed: 0 })
  })
})
