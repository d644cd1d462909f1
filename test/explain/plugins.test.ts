/** Plugins of users in dry runs: what they decide is shown, what they do wrong is said. */
import { describe, expect, test } from 'vitest'
import { inTime } from '../../src/explain/in-time.ts'
import { openRehearsal } from './open.ts'

const plugin = (body: string, traits = '{ refuses: true }') => `
import { Problem, type Scope } from 'sluice/plugin'
export const schema = { type: 'object', additionalProperties: false, properties: {} }
export const traits = ${traits}
export default function mine(scope: Scope): void {
  ${body}
}
`

async function explained(body: string, traits?: string) {
  const files = { 'mine.ts': plugin(body, traits) }
  const yaml = `
consumers: { shop: { groups: [a] } }
routes: { a: { match: /a, upstream: http://10.0.0.1, public: test, plugins: [./mine.ts] } }
`
  const authenticates = traits?.includes('authenticates') ? yaml.replace(' public: test,', '') : yaml
  await using rehearsal = await openRehearsal(authenticates, { files })
  const headers = ['x-api-key', 'a-key-of-the-client', 'authorization', 'Bearer a-token-of-the-client']
  return rehearsal.rehearsal.explain({
    method: 'GET',
    url: '/a',
    headers,
    as: traits?.includes('authenticates') ? 'shop' : undefined,
  })
}

describe('a plugin of the user', () => {
  test('is shown with what it decided and from what', async () => {
    const { plugins } = await explained(
      `scope.addHook('onRequest', ({ exchange }) => exchange.decide('pass', 'tenant-known', { tenant: 7 }))`,
    )

    expect(plugins).toMatchObject([
      { plugin: './mine.ts', verdict: 'pass', reason: 'tenant-known', inputs: { tenant: 7 } },
    ])
  })

  test('that says nothing is shown as having run', async () => {
    const { plugins } = await explained(`scope.addHook('onRequest', () => {})`)

    expect(plugins).toMatchObject([{ verdict: 'pass', reason: null }])
  })

  test('that refuses is shown to, also where it does not say so itself', async () => {
    const { status, code, decidedBy, plugins } = await explained(
      `scope.addHook('onRequest', () => { throw new Problem('forbidden', 'Not today.') })`,
    )

    expect([status, code, decidedBy, plugins[0]?.reason]).toEqual([403, 'forbidden', './mine.ts', 'forbidden'])
  })

  test('that breaks is explained as it would be served', async () => {
    const { status, code } = await explained(`scope.addHook('onRequest', ({ raw }) => { raw!.headers })`)

    expect([status, code]).toEqual([500, 'plugin-failed'])
  })

  test('cannot show a secret of the request in its inputs', async () => {
    const explanation = await explained(
      `scope.addHook('onRequest', ({ exchange, headers }) => exchange.decide('pass', 'seen', { key: headers['x-api-key'], said: headers['authorization'] }))`,
    )

    expect(JSON.stringify(explanation)).not.toMatch(/a-key-of|a-token-of/)
    expect(explanation.plugins[0]?.inputs).toEqual({ key: '(hidden)', said: expect.stringContaining('(hidden)') })
  })

  test('that needs a real answer on the way back is named as not simulated', async () => {
    const { verdict, notSimulated } = await explained(
      `scope.addHook('onSend', ({ exchange }) => { exchange.upstreamResponse!.headers.find((name) => name === 'etag')!.length })`,
    )

    expect([verdict, notSimulated]).toEqual([
      'forward',
      ['the changes to the answer: a plugin cannot make them without a real one'],
    ])
  })

  test('that authenticates is passed over where somebody says who asks', async () => {
    const { consumer, plugins } = await explained(
      `scope.addHook('onRequest', () => { throw new Problem('credentials-missing', 'Who?') })`,
      '{ authenticates: true, refuses: true }',
    )

    expect([consumer?.id, plugins[0]?.reason]).toEqual(['key:shop', 'assumed'])
  })
})

test('what is never decided is given up', async () => {
  const never = new Promise<never>(() => {})

  await expect(inTime(never, 5)).rejects.toThrow('a plugin has not decided within 0.005 s')
  expect(await inTime(Promise.resolve(7), 5)).toBe(7)
})
