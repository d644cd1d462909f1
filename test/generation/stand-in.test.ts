/** `exchange.answerOnFailure`: a plugin of one's own that answers where the upstream fails. */
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'

const plugin = `
export const schema = { type: 'object', additionalProperties: false, properties: { name: { type: 'string' }, offer: { type: 'string' } } }
export const traits = { answers: true, refuses: true }
export default function spare(scope, { name, offer }) {
  scope.addHook('onRequest', ({ exchange }, reply) => {
    if (offer === undefined) return
    exchange.answerOnFailure(({ status, code }) => {
      if (offer === 'throw') throw new Error('secret words')
      if (offer === 'decline') return false
      reply.code(200).send(offer + ' ' + status + ' ' + code)
      return true
    })
  })
  scope.addHook('onSend', (request, reply) => void reply.header('x-seen', (reply.getHeader('x-seen') ?? '') + name))
}
`

async function ask(status: number | null, ...items: readonly string[]) {
  await using origin = await startOrigin((_, response) => {
    if (status === null) response.destroy()
    else response.writeHead(status).end('origin')
  })
  const plugins = items.map((item) => `./spare.mjs: ${item}`).join(', ')
  await using gateway = await startGateway(
    `routes: { r: { match: /*, upstream: "${origin.url}", public: test, plugins: [${plugins}] } }`,
    { files: { 'spare.mjs': plugin } },
  )
  const answer = await gateway.fetch('/')
  return { status: answer.status, seen: answer.headers.get('x-seen'), text: await answer.text() }
}

test.for<[name: string, status: number | null, items: string[], expected: [number, string, string]]>([
  ['an upstream that breaks off', null, ['{ name: a, offer: x }'], [200, 'a', 'x 502 upstream-closed']],
  ['an upstream that answers 503', 503, ['{ name: a, offer: x }'], [200, 'a', 'x 503 null']],
  [
    'hooks below the one that offers',
    503,
    ['{ name: a }', '{ name: b, offer: x }', '{ name: c }'],
    [200, 'ba', 'x 503 null'],
  ],
  ['two that offer', 503, ['{ name: a, offer: x }', '{ name: b, offer: y }'], [200, 'ba', 'y 503 null']],
  ['one that has nothing', 503, ['{ name: a, offer: decline }'], [503, 'a', 'origin']],
  ['one that only observes', 503, ['{ name: a, offer: x, mode: observe }'], [503, 'a', 'origin']],
  ['an upstream that answers', 200, ['{ name: a, offer: x }'], [200, 'a', 'origin']],
])('with %s the client gets %3$o', async ([, status, items, expected]) => {
  const answer = await ask(status, ...items)

  expect([answer.status, answer.seen, answer.text]).toEqual(expected)
})

test.for([503, null])(
  'an offer that throws is 500 plugin-failed, without its words, where the upstream gives %o',
  async (status) => {
    const answer = await ask(status, '{ name: a, offer: throw }')

    expect(answer.status).toBe(500)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'plugin-failed' })
    expect(answer.text).not.toContain('secret')
  },
)
