/** Requests for a scenario, made from a seed: the parts it is about, put together at random, some of them bent. */
import { createHmac } from 'node:crypto'
import type { DescribedRequest } from '../../src/explain/described-request.ts'
import type { Random } from '../fuzz/damage.ts'
import { ISSUER, type Scenario, SECRET } from './agreement-configs.ts'

export interface MadeRequest {
  readonly method: string
  readonly target: string
  readonly version: '1.1' | '1.0'
  /** Flat; Host first, where there is one. */
  readonly headers: readonly string[]
  readonly body: string
  /** The consumer whose certificate is shown. */
  readonly certificate: string | undefined
}

export function makeRequest({ hosts, paths, methods, headers, certificates }: Scenario, random: Random): MadeRequest {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const method = pick(methods)
  const version = random() < 0.08 ? '1.0' : '1.1'
  const host = random() < 0.5 ? hosts[0]! : pick(hosts)
  const own: string[] = version === '1.0' && random() < 0.5 ? [] : ['Host', host]
  for (const header of headers) if (random() < 0.25) own.push(...header)
  if (method === 'OPTIONS' && own.length < 10 && random() < 0.6) own.push(...preflight)
  const path = bent(pick(paths), pick) + queryOf(pick)
  const target = random() < 0.08 && path.startsWith('/') ? absolute(path, { own, pick, hosts, certificates }) : path
  const certificate = certificates === undefined ? undefined : pick([undefined, ...certificates])
  if (certificate === undefined && random() < 0.85) own.push(...credentials(pick))
  const upgrades = random() < 0.05 || target.startsWith('/v1/realtime')
  if (upgrades) own.push(...webSocket)
  const chunked = own.includes('transfer-encoding')
  const length = pick([0, 0, 40, 90, 150, 1500])
  const body =
    method === 'GET' || method === 'HEAD' || method === 'TRACE' || chunked || upgrades ? '' : 'b'.repeat(length)
  if (body !== '') own.push('Content-Length', String(body.length))
  return { method, target, version, headers: own, body: chunked ? '3\r\nabc\r\n0\r\n\r\n' : body, certificate }
}

/** The request in words. */
export function described({ method, target, version, headers, certificate }: MadeRequest): DescribedRequest {
  // RFC 9112 §3.2.2: the host of a whole URL is the one that counts.
  const own = target.startsWith('/') || target === '*' || headers[0] !== 'Host' ? headers : headers.slice(2)
  return { method, url: target, http: version, headers: own, ip: '127.0.0.1', as: certificate }
}

/** As a proxy is asked (RFC 9112 §3.2.2), whatever Host says. */
function absolute(path: string, { own, pick, hosts, certificates }: Parts): string {
  if (own[0] === 'Host') own[1] = pick(['elsewhere.example.com', hosts[0]!])
  return (
    pick(['http', 'HTTP']).concat(
      certificates === undefined ? '' : 's',
      '://',
      pick([hosts[0]!, hosts[1] ?? 'x.example']),
    ) + path
  )
}

interface Parts extends Pick<Scenario, 'hosts'> {
  readonly certificates: Scenario['certificates'] | undefined
  readonly own: string[]
  readonly pick: Picker
}

const preflight = ['origin', 'https://www.example.com', 'access-control-request-method', 'POST']

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

type Picker = <T>(list: readonly T[]) => T

/** Mostly as it is; else another spelling, or one that nobody should take. */
function bent(path: string, pick: Picker): string {
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

function queryOf(pick: Picker): string {
  return pick(['', '', '', '?a=1&b=%20', '?preview=1', '?tenant=acme&a+b=c', '?', '?key=app-key', '?x=%zz'])
}

function credentials(pick: Picker): readonly string[] {
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
