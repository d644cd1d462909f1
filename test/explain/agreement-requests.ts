/** Requests for a scenario, made from a seed: the parts it is about, put together at random, some of them bent. */
import { createHmac } from 'node:crypto'
import type { Random } from '../fuzz/damage.ts'
import { ISSUER, type Scenario, SECRET } from './agreement-configs.ts'

export interface MadeRequest {
  readonly method: string
  readonly target: string
  /** Flat, Host first. */
  readonly headers: readonly string[]
  readonly body: string
}

export function makeRequest({ hosts, paths, methods, headers }: Scenario, random: Random): MadeRequest {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const method = pick(methods)
  const own: string[] = ['Host', random() < 0.5 ? hosts[0]! : pick(hosts)]
  for (const header of headers) if (random() < 0.25) own.push(...header)
  const target = bent(pick(paths), pick) + queryOf(pick)
  if (random() < 0.85) own.push(...credentials(pick))
  const upgrades = random() < 0.05 || target.startsWith('/v1/realtime')
  if (upgrades) own.push(...webSocket)
  const chunked = own.includes('transfer-encoding')
  const length = pick([0, 0, 40, 90, 150, 1500])
  const body =
    method === 'GET' || method === 'HEAD' || method === 'TRACE' || chunked || upgrades ? '' : 'b'.repeat(length)
  if (body !== '') own.push('Content-Length', String(body.length))
  return { method, target, headers: own, body: chunked ? '3\r\nabc\r\n0\r\n\r\n' : body }
}

const webSocket = [
  'Connection',
  'Upgrade',
  'Upgrade',
  'websocket',
  'Sec-WebSocket-Version',
  '13',
  'Sec-WebSocket-Key',
  'dGhlIHNhbXBsZSBub25jZQ==',
]

type Pick = <T>(list: readonly T[]) => T

/** Mostly as it is; else another spelling, or one that nobody should take. */
function bent(path: string, pick: Pick): string {
  return pick([
    ...Array.from({ length: 20 }, () => path),
    `/${path}`,
    `${path}/`,
    `${path}/.`,
    `${path};v=1`,
    `/x/..${path}`,
    path.replace('o', '%6f'),
    path.replace('o', 'O'),
    `${path}%2e`,
    `${path}%00`,
    `/..${path}`,
    `${path}%zz`,
  ])
}

function queryOf(pick: Pick): string {
  return pick(['', '', '', '?a=1&b=%20', '?preview=1', '?tenant=acme&a+b=c', '?', '?key=app-key', '?x=%zz'])
}

function credentials(pick: Pick): readonly string[] {
  return pick<readonly string[]>([
    ...Array.from({ length: 6 }, () => ['x-api-key', 'app-key']),
    ...Array.from({ length: 4 }, () => ['X-API-Key', 'partner-key']),
    ['x-api-key', 'nobodys-key'],
    ['x-api-key', 'app-key', 'x-api-key', 'partner-key'],
    ['x_api_key', 'app-key', 'x-api-key', 'app-key'],
    ...Array.from({ length: 4 }, () => [
      'authorization',
      `Bearer ${token({ sub: '42', scope: 'chat read', tenant: 'acme' })}`,
    ]),
    ['authorization', `Bearer ${token({ sub: '43', scope: 'chat', tenant: 'duff' })}`],
    ['authorization', `Bearer ${token({ sub: '44' })}`],
    ['authorization', `Bearer ${token({ sub: '42', exp: 1 })}`],
    ['authorization', `Bearer ${token({ sub: '42', aud: 'other' })}`],
    ['authorization', `Bearer ${token({ sub: '42' }).slice(0, -4)}AAAA`],
    ['authorization', 'Basic dXNlcjpwYXNz'],
  ])
}

function token(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iss: ISSUER, aud: 'api', exp: 4_000_000_000, ...claims })}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}
