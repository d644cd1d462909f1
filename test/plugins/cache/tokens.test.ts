/** Caching below `jwt`: an entry belongs to the identity and to everything that the upstream is told about it. */
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { startGateway } from '../../support/gateway.ts'
import { startOrigin } from '../../support/origin.ts'

const SECRET = 'a secret that is long enough for HS256'

interface Options {
  readonly jwt?: string
  readonly cache?: string
}

async function start({ jwt = '', cache = '{ ttl: 1h }' }: Options = {}) {
  let count = 0
  const origin = await startOrigin((_, response) => void response.end(String(++count)))
  const gateway = await startGateway(`
routes:
  r:
    match: /*
    upstream: ${origin.url}
    plugins: [jwt: { issuer: i, audience: a, secret: "${SECRET}"${jwt && `, ${jwt}`} }, cache: ${cache}]
`)
  return {
    /** Asks once for each set of claims: the number of the origin's answer, and what the cache said. */
    async ask(...claims: readonly Record<string, unknown>[]): Promise<string[]> {
      const found: string[] = []
      for (const one of claims) {
        const answer = await gateway.fetch('/', { headers: { authorization: `Bearer ${await token(one)}` } })
        found.push(`${await answer.text()} ${/hit|fwd=[a-z-]+/.exec(answer.headers.get('cache-status') ?? '')?.[0]}`)
      }
      return found
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
    },
  }
}

function token(claims: Record<string, unknown>): Promise<string> {
  const unsigned = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setIssuer('i').setAudience('a')
  return unsigned.setExpirationTime(4_000_000_000).sign(new TextEncoder().encode(SECRET))
}

const ann = { sub: 'ann' }
const bob = { sub: 'bob' }

test('keeps an entry for each identity, under the gateway’s own ttl too', async () => {
  await using setup = await start()

  expect(await setup.ask(ann, bob, ann, bob)).toEqual(['1 fwd=uri-miss', '2 fwd=uri-miss', '1 hit', '2 hit'])
})

test('keeps tokens of one identity apart where the upstream sees the token: they may allow different things', async () => {
  await using setup = await start()

  expect(await setup.ask({ ...ann, scope: 'all' }, { ...ann, scope: 'little' })).toEqual([
    '1 fwd=uri-miss',
    '2 fwd=uri-miss',
  ])
})

test('gives all tokens of one identity one entry where the upstream sees no token', async () => {
  await using setup = await start({ jwt: 'forward: false' })

  expect(await setup.ask({ ...ann, jti: '1' }, { ...ann, jti: '2' }, bob)).toEqual([
    '1 fwd=uri-miss',
    '1 hit',
    '2 fwd=uri-miss',
  ])
})

test('keeps tokens apart whose forwarded claims differ', async () => {
  await using setup = await start({ jwt: 'forward: false, forwardClaims: { plan: x-plan }' })

  expect(await setup.ask({ ...ann, plan: 'gold' }, { ...ann, plan: 'tin' }, { ...ann, plan: 'gold' })).toEqual([
    '1 fwd=uri-miss',
    '2 fwd=uri-miss',
    '1 hit',
  ])
})

test('keeps nothing for tokens that name nobody: they cannot be told apart', async () => {
  await using setup = await start({ jwt: 'forward: false' })

  expect(await setup.ask({ jti: '1' }, { jti: '2' })).toEqual(['1 fwd=bypass', '2 fwd=bypass'])
})

test('gives everybody one entry where the route says shared', async () => {
  await using setup = await start({ cache: '{ ttl: 1h, shared: true }' })

  expect(await setup.ask(ann, bob, { jti: '1' })).toEqual(['1 fwd=uri-miss', '1 hit', '1 hit'])
})
