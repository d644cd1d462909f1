/** What jwt says about its decisions, and that an exchange without effects has none: no fetch, nothing kept. */
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import * as jwt from '../../../plugins/jwt.ts'
import { Exchange } from '../../../src/exchange/exchange.ts'
import { HeaderList } from '../../../src/exchange/headers.ts'
import { UpstreamRequest } from '../../../src/exchange/upstream-request.ts'
import { Carry } from '../../../src/generation/carry.ts'
import { consumerDirectory } from '../../../src/generation/consumers.ts'
import { record } from '../../../src/generation/scope.ts'
import { createLog } from '../../../src/observe/log.ts'
import { Metrics } from '../../../src/observe/metrics.ts'
import { MemoryCounters } from '../../../src/state/memory-counters.ts'
import { MemoryInFlight } from '../../../src/state/memory-in-flight.ts'
import { Purges } from '../../../src/state/purges.ts'
import { goodClaims, ISSUER, issuerKey, sign, startIssuer } from './issuer.ts'

const SECRET = 'a secret of more than thirty-two bytes'
const now = Math.floor(Date.now() / 1000)

describe('a decision', () => {
  test.for([
    [{}, 'pass', 'token-verified'],
    [{ exp: now - 60 }, 'refuse', 'token-expired'],
    [{ nbf: now + 60 }, 'refuse', 'token-not-yet-valid'],
    [{ iss: 'other' }, 'refuse', 'wrong-issuer'],
    [{ aud: 'other' }, 'refuse', 'wrong-audience'],
    [{ exp: undefined }, 'refuse', 'claim-missing'],
    [{ exp: 'soon' }, 'refuse', 'claim-invalid'],
    [{ scope: 'write' }, 'refuse', 'claim-unmet'],
    [{ sub: 'x'.repeat(300) }, 'refuse', 'claim-too-long'],
  ] as const)('on %j is %s: %s', async ([claims, verdict, reason]) => {
    const token = await new SignJWT(goodClaims({ scope: 'read', ...claims }))
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(SECRET))

    const { decision } = await decide(`Bearer ${token}`, { secret: SECRET })

    expect(decision).toMatchObject({ verdict, reason })
  })

  test.for([
    ['Bearer a.b', 'malformed-token'],
    ['Bearer eyJhbGciOiJub25lIn0.e30.', 'algorithm-not-allowed'],
    ['Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA', 'bad-signature'],
  ] as const)('on %j is %s', async ([authorization, reason]) => {
    expect((await decide(authorization, { secret: SECRET })).decision).toMatchObject({ verdict: 'refuse', reason })
  })

  test('holds who it is, and neither token nor secret', async () => {
    const token = await new SignJWT(goodClaims({ scope: 'read' }))
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(SECRET))

    const { decision } = await decide(`Bearer ${token}`, { secret: SECRET })

    expect(decision?.inputs).toEqual({ consumer: `jwt:${ISSUER}#ada`, scopes: ['read'] })
  })
})

describe('an exchange without effects', () => {
  test('asks no issuer for keys: what cannot be said is not said', async () => {
    const key = await issuerKey('a')
    await using issuer = await startIssuer(key)

    const { decision, code, held } = await decide(`Bearer ${await sign(key)}`, { jwks: issuer.url })

    expect(decision).toMatchObject({ verdict: 'refuse', reason: 'keys-not-fetched' })
    expect(code).toBe('upstream-unavailable')
    expect(issuer.fetches).toBe(0)
    expect(held).toBe(0)
  })
})

/** Runs the plugin as a dry exchange does, and gives what it said, and how much was carried after its scope closed. */
async function decide(authorization: string, source: { secret: string } | { jwks: string }) {
  const carry = new Carry()
  const log = createLog({ level: 'silent', destination: { write: () => {} } })
  const around = {
    carry,
    log,
    metrics: new Metrics(),
    counters: new MemoryCounters(),
    inFlight: new MemoryInFlight(),
    purges: new Purges(),
    answers: () => null,
    siblings: null,
    consumers: consumerDirectory([], null),
  }
  const options = {
    issuer: ISSUER,
    audience: 'orders',
    clockTolerance: '5s',
    consumer: 'sub',
    claims: { scope: ['read'] },
  }
  const flags = { forward: true, requireExp: true, insecure: false }
  const item = { id: 'routes.orders/jwt#0', mode: 'enforce', optional: false, belowAuthenticator: false } as const
  const hooks = await record(
    {
      ...item,
      kind: 'plugin',
      plugin: { name: 'jwt', url: 'file:///plugins/jwt.ts' },
      options: { ...options, ...flags, ...source },
      at: { file: 'gateway.yaml', line: 1, column: 1, endColumn: 1 },
    },
    jwt,
    { ...around, reads: [], secrets: [], folder: '.', digest: '' },
  )
  const exchange = dryExchange(['authorization', authorization])
  exchange.running = { plugin: 'jwt', id: item.id, observing: false }
  let code: unknown
  try {
    await hooks.onRequest[0]!(exchange.request, exchange.reply)
  } catch (error) {
    code = (error as { code: unknown }).code
  }
  hooks.close()
  return { decision: exchange.decisions[0], code, held: carry.size }
}

function dryExchange(rawHeaders: readonly string[]): Exchange {
  const exchange = new Exchange({
    listener: { name: 'listen[0]', protocol: 'http' },
    method: 'GET',
    rawHeaders,
    authority: 'api',
    host: 'api',
    path: '/orders',
    query: '',
    scheme: 'http',
    clientAddress: '127.0.0.1',
    peerAddress: '127.0.0.1',
    trusted: false,
    id: 'request-1',
    body: { kind: 'none' },
    expectsContinue: false,
    upgrade: false,
  })
  exchange.recording = true
  exchange.prepare = () =>
    new UpstreamRequest({
      method: 'GET',
      path: '/orders',
      query: '',
      host: null,
      headers: new HeaderList(),
      trailers: { most: 100, mostBytes: 1000, passes: () => true },
    })
  return exchange
}
