/** Fastify plugins of others in a chain: their hooks in their place, ours around them, the gateway's promises unbroken. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { statusOf } from '../support/wire.ts'
import { get, startBetween, trace } from './foreign-setup.ts'
import { chainOf, foreign, native } from './plugin-files.ts'

describe('a foreign plugin', () => {
  // Callback and promise, wrapped (`skip-override` is what fastify-plugin sets) or not.
  test.for([
    ['with a callback', `export default function (instance, options, done) { HOOKS; done() }`],
    ['with a promise', `export default async function (instance, options) { HOOKS }`],
    [
      'wrapped',
      `const plugin = async (instance, options) => { HOOKS }\nplugin[Symbol.for('skip-override')] = true\nexport default plugin`,
    ],
  ] as const)('%s runs its hooks in its place', async ([, text]) => {
    const hooks = `
      instance.addHook('onRequest', (request, reply, next) => { request.exchange.upstreamRequest.headers.append('x-trace', 'foreign'); next() })
      instance.addHook('preHandler', async (request, reply) => { reply.header('x-pre', '1') })
      instance.addHook('onSend', async (request, reply, payload) => { reply.header('x-seen', reply.getHeader('x-trace')); return payload })`
    await using setup = await startBetween(text.replace('HOOKS', hooks))

    const answer = await setup.send(get())

    expect(setup.origin.requests[0]!.headers['x-trace']).toBe('top, foreign, low')
    expect(statusOf(answer)).toBe(200)
    expect(answer).toMatch(/^x-pre: 1\r$/m)
    expect(answer).toMatch(/^via: 1\.1 sluice-/m)
    expect(answer.match(/x-request-id/g)).toHaveLength(1)
  })

  test('gets the options of the file', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `routes:\n  all: { match: /*, upstream: "${origin.url}", public: test, plugins: [{ ./f.js: { word: hello } }] }\n`,
      {
        files: {
          'f.js': foreign(
            `instance.addHook('onRequest', async (_, reply) => { reply.header('x-word', options.word) })`,
          ),
        },
      },
    )

    expect((await gateway.fetch('/')).headers.get('x-word')).toBe('hello')
  })

  test('may come as a package beside the config', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `routes:\n  all: { match: /*, upstream: "${origin.url}", public: test, plugins: ["@some/thing"] }\n`,
      {
        files: {
          'node_modules/@some/thing/package.json':
            '{ "name": "@some/thing", "type": "module", "exports": "./index.js" }',
          'node_modules/@some/thing/index.js': foreign(
            `instance.addHook('onRequest', async (_, reply) => { reply.header('x-thing', '1') })`,
          ),
        },
      },
    )

    expect((await gateway.fetch('/')).headers.get('x-thing')).toBe('1')
  })

  test.for([
    ['onRequest', 'top'],
    ['preHandler', 'low top'],
  ] as const)(
    'that answers in %s hides what is below it, and what is above finishes its answer',
    async ([hook, seen]) => {
      await using setup = await startBetween(
        foreign(
          `instance.addHook('${hook}', async (_, reply) => reply.code(451).header('x-own', '1').send({ no: true }))`,
        ),
      )

      const answer = await setup.send(get())

      expect(statusOf(answer)).toBe(451)
      expect(answer).toMatch(/^x-own: 1\r$/m)
      expect(answer).toMatch(/^x-request-id: [0-9a-f-]{36}\r$/m)
      expect(answer).toMatch(/\r\n\r\n\{"no":true\}$/)
      expect(trace(answer)).toBe(seen)
      expect(setup.origin.requests).toHaveLength(0)
      await expect
        .poll(() => setup.gateway.metrics())
        .toMatch(/sluice_http_requests_total\{route="all",method="GET",code="451",source="gateway"\} 1/)
    },
  )

  test.for([
    [401, 401, 'credentials-invalid'],
    [403, 403, 'forbidden'],
    [429, 429, 'rate-limited'],
    [422, 400, 'bad-request'],
    [undefined, 500, 'plugin-failed'],
    [503, 500, 'plugin-failed'],
  ] as const)('that throws with status %s is a problem of ours: %i %s', async ([thrown, status, code]) => {
    await using setup = await startBetween(
      foreign(
        `instance.addHook('onRequest', async () => { throw Object.assign(new Error('secret words'), { statusCode: ${thrown} }) })`,
      ),
    )

    const answer = await setup.send(get())

    expect(statusOf(answer)).toBe(status)
    expect(answer).toMatch(/^content-type: application\/problem\+json\r$/m)
    expect(answer).toContain(`"code":"${code}"`)
    expect(answer).not.toMatch(/secret/)
    expect(trace(answer)).toBe('top')
    expect(setup.origin.requests).toHaveLength(0)
  })

  test.for(['upstream', 'problem'])('that fails on every answer still leaves one problem: %s', async (kind) => {
    await using setup = await startBetween(
      foreign(`instance.addHook('onSend', async () => { throw new Error('secret words') })
        ${kind === 'problem' ? `instance.addHook('preHandler', async () => { throw new Error('secret words') })` : ''}`),
    )

    const answer = await setup.send(get())

    expect(statusOf(answer)).toBe(500)
    expect(answer).toMatch(/"code":"plugin-failed"/)
    expect(answer).not.toMatch(/secret/)
  })

  test('does not run where one of ours above refuses', async () => {
    await using origin = await startOrigin()
    const { yaml, files } = chainOf(origin.url, {
      no: native(`scope.addHook('onRequest', () => { throw new Problem('forbidden', 'No.') })`),
      foreign: foreign(`
        instance.addHook('onRequest', async () => { throw new Error('it ran') })
        instance.addHook('onSend', async () => { throw new Error('it ran') })`),
    })
    await using gateway = await startGateway(yaml, { files })

    expect((await gateway.fetch('/')).status).toBe(403)
  })

  test('sees problems of ours below it, and may dress them', async () => {
    await using origin = await startOrigin()
    const { yaml, files } = chainOf(origin.url, {
      foreign: foreign(
        `instance.addHook('onSend', async (_, reply, payload) => { reply.header('x-dress', '1'); return payload })`,
      ),
      no: native(`scope.addHook('onRequest', () => { throw new Problem('forbidden', 'No.') })`),
    })
    await using gateway = await startGateway(yaml, { files })

    const response = await gateway.fetch('/')

    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('x-dress')).toBe('1')
    expect(await response.json()).toMatchObject({ code: 'forbidden' })
  })

  test('authenticates nobody: the route does not load without saying why it is public', async () => {
    const plugin = foreign(`instance.addHook('onRequest', async () => {})`)

    await expect(
      startGateway('routes:\n  all: { match: /*, upstream: "http://127.0.0.1:1", plugins: [./f.js] }\n', {
        files: { 'f.js': plugin },
      }),
    ).rejects.toMatchObject({ diagnostics: [{ code: 'unauthenticated-route' }] })
  })
})
