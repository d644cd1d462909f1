/** Plugins that fail, in every place where they can: it costs their own request and nothing else. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'
import { get, post, startChain } from './chain-setup.ts'
import { chainOf, native, tracer } from './plugin-files.ts'

describe('a plugin that fails', () => {
  const fails = `throw new Error('secret words')`
  const tap = (data: string) =>
    `scope.addHook('onSend', ({ exchange }) => { exchange.responseTaps.push({ data(piece) { ${data} }, end() {}, abort() {} }) })`

  // 500 each, and never the process: a second request is answered as well.
  test.for([
    ['on the request', `scope.addHook('onRequest', () => { ${fails} })`],
    ['on the request, with undefined', `scope.addHook('onRequest', () => { throw undefined })`],
    ['on the request, later', `scope.addHook('onRequest', async () => { ${fails} })`],
    ['on the answer', `scope.addHook('onSend', () => { ${fails} })`],
    ['on the answer, later', `scope.addHook('onSend', async () => { await null; ${fails} })`],
    ['on the body', `scope.addHook('onSend', (_, reply, payload) => { ${fails} })`],
    ['on what has not gone out yet, by a tap', tap(fails)],
    [
      'on the body, after the upstream has ended',
      `scope.addHook('onSend', async (_, reply, payload) => { await new Promise((go) => setTimeout(go, 30)); ${fails} })`,
    ],
    [
      'by a field with a line break',
      `scope.addHook('onRequest', (_, reply) => reply.header('x-a', 'a\\nb').send('x'))`,
    ],
    [
      'by a field beyond Latin-1 on the answer',
      `scope.addHook('onSend', (_, reply) => reply.header('x-a', '\\u2603'))`,
    ],
    [
      'by such a field, later',
      `scope.addHook('onSend', async (_, reply) => { await null; reply.header('x-a', '\\u2603') })`,
    ],
    [
      'by a status that is none',
      `scope.addHook('onRequest', (_, reply) => reply.code(1000).header('x-a', 'b').send('x'))`,
    ],
    ['by a body that is none', `scope.addHook('onRequest', (_, reply) => reply.send({ a: 1 }))`],
    ['by a changed body that is none', `scope.addHook('onSend', async (_, reply, payload) => 42)`],
    ['by a body that is destroyed', `scope.addHook('onSend', (_, reply, payload) => payload.destroy())`],
    [
      'in making a transform',
      `scope.addHook('onRequest', ({ exchange }) => exchange.upstreamRequest.pipeBody(() => { ${fails} }))`,
    ],
    [
      'in watching the body',
      `scope.addHook('onRequest', ({ exchange }) => exchange.upstreamRequest.tapBody(() => { ${fails} }))`,
    ],
    [
      'by a field for the upstream with a line break',
      `scope.addHook('onRequest', ({ exchange }) => exchange.upstreamRequest.headers.set('x-a', 'a\\r\\nb: c'))`,
    ],
  ] as const)('%s is a 500 without its words', async ([, body]) => {
    await using chain = await startChain({ top: tracer('top'), bad: native(body) })

    for (const answer of [await chain.send(post), await chain.send(post)]) {
      expect(answer).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/)
      expect(answer).toMatch(/"code":"(plugin-failed|internal)"/)
      expect(answer).not.toMatch(/secret|x-a:/)
      expect(answer.match(/x-request-id/g)).toHaveLength(1)
    }
    await expect.poll(() => chain.gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
    expect(chain.gateway.log.some(({ level }) => level === 'error')).toBe(true)
  })

  test('at the end of a request costs that request nothing, and is logged', async () => {
    await using chain = await startChain({
      bad: native(`scope.addHook('onRequest', ({ exchange }) => exchange.onClose(() => { ${fails} }))`),
    })

    expect(statusOf(await chain.send(get()))).toBe(200)
    await expect.poll(() => chain.gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
    expect(JSON.stringify(chain.gateway.log)).toMatch(/secret words/)
  })

  test.for([
    [
      'a transform',
      `scope.addHook('onSend', (_, reply, payload) => payload.compose(async function* (parts) { for await (const part of parts) { yield part; ${fails} } }))`,
    ],
    [
      'a body of objects',
      `scope.addHook('onSend', (_, reply, payload) => payload.compose(async function* (parts) { for await (const part of parts) yield { part } }))`,
    ],
    [
      'a body that is destroyed',
      `scope.addHook('onSend', (_, reply, payload) => { return payload.pipe(new Transform({ transform(part) { this.push(part); setTimeout(() => this.destroy(), 20) } })) })`,
    ],
  ] as const)('in the middle of an answer, by %s, breaks it off', async ([, body]) => {
    await using chain = await startChain({ bad: native(body, { before: `import { Transform } from 'node:stream'` }) })
    const wire = await openWire(chain.gateway.port)
    wire.send(get())

    const answer = await wire.closed()

    expect(answer).not.toMatch(/\r\n0\r\n\r\n$/)
    expect(answer).not.toMatch(/"url":"\/".*\}$/)
    await expect.poll(() => chain.gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
  })

  test('on a later piece of an answer, by a tap, breaks it off', async () => {
    const next = Promise.withResolvers<void>()
    await using origin = await startOrigin((_, response) => {
      response.write('first')
      void next.promise.then(() => response.end('second'))
    })
    const { yaml, files } = chainOf(origin.url, { bad: native(tap(`if (String(piece) === 'second') ${fails}`)) })
    await using gateway = await startGateway(yaml, { files })
    const wire = await openWire(gateway.port)
    wire.send(get())
    await wire.until(/first/)
    next.resolve()

    const answer = await wire.closed()

    expect(answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\nfirst\r\n$/)
  })

  test('by saying nobody passed as somebody: an authenticator without identity is a failure', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `routes:\n  all: { match: /*, upstream: "${origin.url}", plugins: [./a.js] }\n`,
      { files: { 'a.js': native('', { traits: '{ authenticates: true }' }) } },
    )

    expect(await (await gateway.fetch('/')).json()).toMatchObject({ code: 'plugin-failed' })
    expect(origin.requests).toHaveLength(0)
  })
})

test('an upstream that breaks off while a hook is still thinking is answered for once', async () => {
  await using origin = await startOrigin((request, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('half')
    setTimeout(() => request.socket.destroy(), 20)
  })
  const { yaml, files } = chainOf(origin.url, {
    slow: native(`scope.addHook('onSend', async () => { await new Promise((go) => setTimeout(go, 1000)) })`),
  })
  await using gateway = await startGateway(yaml, { files })

  const answer = await exchange(gateway.port, get())

  expect(statusOf(answer)).toBe(502)
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
})
