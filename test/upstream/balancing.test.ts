/** Balancing as a client of the gateway sees it. */
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'

/** Origins that answer with their name. */
async function namedOrigins(names: readonly string[]) {
  const origins = await Promise.all(names.map((name) => startOrigin((_, response) => response.end(name))))
  return {
    url: (name: string): string => origins[names.indexOf(name)]!.url,
    async [Symbol.asyncDispose]() {
      await Promise.all(origins.map((origin: Origin) => origin[Symbol.asyncDispose]()))
    },
  }
}

const routes = 'routes: { all: { match: /*, upstream: named, public: test } }'

test('requests go to targets by their weights, and to one with weight 0 not at all', async () => {
  await using origins = await namedOrigins(['a', 'b', 'c'])
  await using gateway = await startGateway(`
upstreams:
  named: [{ url: "${origins.url('a')}", weight: 3 }, "${origins.url('b')}", { url: "${origins.url('c')}", weight: 0 }]
${routes}`)

  let answers = ''
  for (let request = 0; request < 8; request++) answers += await (await gateway.fetch('/')).text()
  expect(answers).toBe('aabaaaba')
})

test('least-connections keeps away from a target that is busy', async () => {
  const held: (() => void)[] = []
  await using slow = await startOrigin((_, response) => void held.push(() => response.end('slow')))
  await using origins = await namedOrigins(['fast'])
  await using gateway = await startGateway(`
upstreams: { named: { targets: ["${slow.url}", "${origins.url('fast')}"], balance: least-connections } }
${routes}`)

  const answers = Array.from({ length: 2 }, async () => (await gateway.fetch('/')).text())
  await Promise.race(answers)
  for (let request = 0; request < 6; request++) expect(await (await gateway.fetch('/')).text()).toBe('fast')
  for (const answer of held) answer()
  expect((await Promise.all(answers)).sort()).toEqual(['fast', 'slow'])
})

test.for([
  ['header:x-user', (user: string) => ({ headers: { 'X-User': user } }), '/'],
  ['cookie:session', (user: string) => ({ headers: { cookie: `theme=dark; session=${user}` } }), '/'],
  ['path', () => ({}), '/users/'],
] as const)('hash by %s sends equal keys to one target, different keys to all', async ([by, init, path]) => {
  await using origins = await namedOrigins(['a', 'b', 'c'])
  const targets = ['a', 'b', 'c'].map((name) => `"${origins.url(name)}"`).join(', ')
  await using gateway = await startGateway(`
upstreams: { named: { targets: [${targets}], balance: { hash: ${by} } } }
${routes}`)
  const ask = async (user: string) => (await gateway.fetch(`${path}${path === '/' ? '' : user}`, init(user))).text()

  const users = Array.from({ length: 30 }, (_, index) => `user-${index}`)
  const first = await Promise.all(users.map(ask))
  expect(new Set(first)).toEqual(new Set(['a', 'b', 'c']))
  expect(await Promise.all(users.map(ask))).toEqual(first)
})

test('hash sends requests without the key by their address', async () => {
  await using origins = await namedOrigins(['a', 'b', 'c'])
  const targets = ['a', 'b', 'c'].map((name) => `"${origins.url(name)}"`).join(', ')
  await using gateway = await startGateway(`
upstreams: { named: { targets: [${targets}], balance: { hash: consumer } } }
${routes}`)

  const answers = new Set<string>()
  for (let request = 0; request < 9; request++) answers.add(await (await gateway.fetch('/')).text())
  expect(answers.size).toBe(1)
})
