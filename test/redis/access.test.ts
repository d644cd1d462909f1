/** A Redis behind TLS, with a user that may do what the documentation says, and no more. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runKey } from '../../src/commands/key.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { freePort } from '../support/ports.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { shownBy } from '../support/shown.ts'

const certificate = makeCertificate()
const files = { 'redis.crt': certificate.cert, 'other.crt': makeCertificate().cert }
const folder = mkdtempSync(join(tmpdir(), 'sluice-access-'))
let redis: TestRedis
let port: number

beforeAll(async () => {
  port = await freePort()
  writeFileSync(join(folder, 'cert'), certificate.cert)
  writeFileSync(join(folder, 'key'), certificate.key)
  const [, rights] = /and these commands: `(.*?)`/.exec(readFileSync('docs/redis.md', 'utf8'))!
  redis = await startRedis([
    ...['--tls-port', String(port), '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', join(folder, 'cert'), '--tls-key-file', join(folder, 'key')],
    ...['--user', 'gateway', 'on', '>secret', '~sluice:*', ...rights!.split(' ')],
  ])
})

afterAll(async () => {
  await redis[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const config = (ca: string, more = '') => `
store: { redis: "rediss://gateway:secret@127.0.0.1:${port}", timeout: 2s, tls: { ca: ${ca}${more} } }
routes:
  fixed: { match: /fixed, upstream: "builtin://echo", public: t, plugins: [rate-limit: { max: 1, window: 1h }] }
  sliding: { match: /sliding, upstream: "builtin://echo", public: t, plugins: [rate-limit: { max: 1, window: 1h, algorithm: sliding }] }
  kept: { match: /kept, upstream: "builtin://echo", public: t, plugins: [cache: { ttl: 1h }] }
  keyed: { match: /keyed, respond: { status: 200 }, plugins: [api-key] }
`

async function statuses(gateway: TestGateway, path: string): Promise<number[]> {
  return [(await gateway.fetch(path)).status, (await gateway.fetch(path)).status]
}

const reasons = ({ log }: TestGateway) => log.flatMap(({ reason }) => reason ?? [])

test('counts, keeps answers, forgets them and takes keys over with the rights that the documentation names', async () => {
  await using gateway = await startGateway(config('redis.crt'), { files })

  expect(await statuses(gateway, '/fixed')).toEqual([200, 429])
  expect(await statuses(gateway, '/sliding')).toEqual([200, 429])
  expect(await statuses(gateway, '/kept')).toEqual([200, 200])
  const ledger = ['--store', `redis://gateway:secret@127.0.0.1:${redis.port}`]
  const made = await shownBy(runKey, ['new', 'shop', ...ledger, '--json'], {})
  const headers = { 'x-api-key': JSON.parse(made.stdout).key }
  await expect.poll(async () => (await gateway.fetch('/keyed', { headers })).status).toBe(200)
  const purge = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{ "route": "kept" }' }
  expect((await fetch(`${gateway.adminUrl}/api/cache/purge`, purge)).status).toBe(200)
  expect((await shownBy(runKey, ['list', ...ledger], {})).stdout).toContain('shop')

  const denied = (await redis.client.call('ACL', 'LOG')) as unknown[]
  expect(denied).toEqual([])
  expect(reasons(gateway)).toEqual([])
})

test.for([
  ['shows a certificate of somebody else', 'other.crt', '', /SELF_SIGNED/],
  ['shows a certificate for another name', 'redis.crt', ', serverName: redis.internal', /ERR_TLS_CERT_ALTNAME_INVALID/],
] as const)('one that %s counts for nobody, and the log says why', async ([, ca, more, reason]) => {
  await using gateway = await startGateway(config(ca, more), { files })

  expect(await statuses(gateway, '/fixed')).toEqual([200, 429])

  expect(reasons(gateway)).toEqual([expect.stringMatching(reason), expect.stringMatching(reason)])
})
