/** What a chain does: order, who hides whom, bodies, failures. Plugins are files beside the config, as users write them. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange, statusOf } from '../support/wire.ts'
import { get, post, startChain, trace } from './chain-setup.ts'
import { chainOf, native, tracer } from './plugin-files.ts'

describe('a chain', () => {
  test('runs requests top to bottom and answers bottom to top, global plugins first and last', async () => {
    await using chain = await startChain({ b: tracer('b'), c: tracer('c') }, 'plugins: [./b.js]')

    const answer = await chain.send(get())

    expect(chain.origin.requests[0]!.headers['x-trace']).toBe('b, b, c')
    expect(trace(answer)).toBe('c b b')
  })

  test.for([
    ['answers', `scope.addHook('onRequest', (_, reply) => reply.code(202).send('here'))`, 202],
    [
      'answers later',
      `scope.addHook('onRequest', async (_, reply) => { await null; reply.code(202).send('here') })`,
      202,
    ],
    ['refuses', `scope.addHook('onRequest', () => { throw new Problem('forbidden', 'No.') })`, 403],
    [
      'refuses later',
      `scope.addHook('onRequest', async () => { await null; throw new Problem('forbidden', 'No.') })`,
      403,
    ],
    [
      'refuses by a promise of another kind',
      `scope.addHook('onRequest', () => ({ then: (_, reject) => setTimeout(() => reject(new Problem('forbidden', 'No.'))) }))`,
      403,
    ],
  ] as const)('hides everything below the plugin that %s', async ([, body, status]) => {
    await using chain = await startChain({ top: tracer('top'), middle: native(body), low: tracer('low') })

    const answer = await chain.send(get())

    expect(statusOf(answer)).toBe(status)
    expect(trace(answer)).toBe('top')
    expect(chain.origin.requests).toHaveLength(0)
  })

  test('shows problems to header hooks and not to body hooks', async () => {
    await using chain = await startChain({
      body: native(`scope.addHook('onSend', (_, reply, payload) => 'changed')`),
      head: tracer('head'),
      no: native(`scope.addHook('onRequest', () => { throw new Problem('forbidden', 'No.') })`),
    })

    const answer = await chain.send(get())

    expect(trace(answer)).toBe('head')
    expect(answer).toMatch(/"code":"forbidden"/)
  })

  test('of the global plugins alone runs where no route matches', async () => {
    await using gateway = await startGateway(
      'plugins: [./t.js]\nroutes:\n  a: { match: /a, respond: { status: 204 }, public: test }\n',
      { files: { 't.js': tracer('t') } },
    )

    const answers = await Promise.all(
      [get('/b'), get('/b%00'), get('*').replace('GET', 'OPTIONS')].map((bytes) => exchange(gateway.port, bytes)),
    )

    expect(answers.map(statusOf)).toEqual([404, 400, 204])
    expect(answers.map(trace)).toEqual(['t', 't', 't'])
  })
})

describe('a body hook', () => {
  const upper = native(
    `
  scope.addHook('onSend', (_, reply, payload) => payload.compose(new Transform({
    transform: (chunk, _encoding, done) => done(null, String(chunk).toUpperCase()) })))
`,
    { before: `import { Transform } from 'node:stream'` },
  )

  test('changes what the upstream sent, and the length with it', async () => {
    await using chain = await startChain({ upper })

    const answer = await chain.send(get('/quiet'))

    expect(answer).toMatch(/\r\n\r\n[\s\S]*"URL":"\/QUIET"/)
    expect(answer).toMatch(/transfer-encoding: chunked/i)
    expect(answer).not.toMatch(/content-length/i)
  })

  test('changes a kept answer too, each time anew', async () => {
    await using origin = await startOrigin((_, response) => response.end('abc'))
    await using gateway = await startGateway(
      `routes:\n  all: { match: /*, upstream: "${origin.url}", public: test, plugins: [./upper.js, { cache: { ttl: 1h } }] }\n`,
      { files: { 'upper.js': upper } },
    )

    const bodies = [await gateway.fetch('/'), await gateway.fetch('/')].map((response) => response.text())

    expect(await Promise.all(bodies)).toEqual(['ABC', 'ABC'])
    expect(origin.requests).toHaveLength(1)
  })

  test.for([
    ['HEAD', 200, '7'],
    ['GET', 204, null],
    ['GET', 304, null],
  ] as const)('has no say in an answer without body: %s %i', async ([method, status, length]) => {
    await using origin = await startOrigin((_, response) => {
      response.writeHead(status, status === 200 ? { 'content-length': 7 } : {}).end()
    })
    const { yaml, files } = chainOf(origin.url, {
      hook: native(`scope.addHook('onSend', (_, reply, payload) => 'changed')`),
    })
    await using gateway = await startGateway(yaml, { files })

    const response = await gateway.fetch('/', { method })

    expect(response.status).toBe(status)
    expect(response.headers.get('content-length')).toBe(length)
    expect(await response.text()).toBe('')
  })

  test('may take its time, also longer than the upstream needs for all of its answer', async () => {
    await using chain = await startChain({
      slow: native(`scope.addHook('onSend', async (_, reply, payload) => {
        const parts = await payload.toArray()
        await new Promise((resolve) => setTimeout(resolve, 20))
        return Buffer.concat([Buffer.from('all: '), ...parts])
      })`),
    })

    expect(await chain.send(get())).toMatch(/\r\n\r\nall: \{/)
  })
})

test('an asynchronous header hook above a cache does not keep it from storing', async () => {
  await using origin = await startOrigin((_, response) => response.end('abc'))
  await using gateway = await startGateway(
    `routes:\n  all: { match: /*, upstream: "${origin.url}", public: test, plugins: [./wait.js, { cache: { ttl: 1h } }] }\n`,
    {
      files: {
        'wait.js': native(`scope.addHook('onSend', async (_, reply) => { await null; reply.header('x-late', '1') })`),
      },
    },
  )

  await (await gateway.fetch('/')).text()
  const again = await gateway.fetch('/')

  expect(again.headers.get('x-late')).toBe('1')
  expect(await again.text()).toBe('abc')
  expect(origin.requests).toHaveLength(1)
})

describe('a request body', () => {
  test('is seen and changed on its way', async () => {
    const seen: string[] = []
    await using origin = await startOrigin((request, response) => {
      request.on('data', (chunk: Buffer) => seen.push(String(chunk)))
      request.on('end', () => response.end())
    })
    const { yaml, files } = chainOf(origin.url, {
      tap: native(`
  let bytes = 0
  scope.addHook('onRequest', ({ exchange }) => exchange.upstreamRequest.tapBody((chunk) => { bytes += chunk.length }))
  scope.addHook('onSend', (_, reply) => reply.header('x-bytes', bytes))
`),
      upper: native(
        `
  scope.addHook('onRequest', ({ exchange }) => exchange.upstreamRequest.pipeBody(() => new Transform({
    transform: (chunk, _encoding, done) => done(null, String(chunk).toUpperCase() + '!') })))
`,
        { before: `import { Transform } from 'node:stream'` },
      ),
    })
    await using gateway = await startGateway(yaml, { files })

    const answer = await exchange(gateway.port, post)

    expect(answer).toMatch(/x-bytes: 4/)
    expect(seen.join('')).toBe('ABCD!')
    expect(origin.requests[0]!.headers).toMatchObject({ 'transfer-encoding': 'chunked' })
    expect(origin.requests[0]!.headers).not.toHaveProperty('content-length')
  })
})

describe('a plugin in observe mode', () => {
  const refuses = native(
    `
  scope.addHook('onRequest', () => { throw new Problem('forbidden', 'No.') })
`,
    { traits: '{ refuses: true }' },
  )

  test('counts what it would have refused and lets it through', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `plugins: [metrics]\nroutes:\n  all: { match: /*, upstream: "${origin.url}", public: test, plugins: [{ ./no.js: { mode: observe } }] }\n`,
      { files: { 'no.js': refuses } },
    )

    expect((await gateway.fetch('/')).status).toBe(200)
    expect(await gateway.metrics()).toMatch(
      /sluice_rejections_total\{route="all",plugin="\.\/no\.js",reason="forbidden",mode="observe"\} 1/,
    )
  })
})

describe('a plugin of the user’s', () => {
  const keyed = (header: string) =>
    native(
      `
  scope.addHook('onRequest', ({ exchange }) => {
    const [name] = exchange.headerValues('${header}')
    if (name === undefined) throw new Problem('credentials-missing', 'Who?', { headers: ['www-authenticate', '${header}'] })
    if (name === 'bad') throw new Problem('credentials-invalid', 'No.')
    exchange.authenticate({ source: 'key', name, id: 'key:' + name, groups: [], scopes: [], claims: {} })
  })
`,
      { traits: '{ authenticates: true, optional: true, refuses: true }' },
    )

  test('may authenticate, in `any` and optionally', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `
routes:
  either: { match: /either, upstream: "${origin.url}", plugins: [{ any: [./one.js, ./two.js] }] }
  maybe: { match: /maybe, upstream: "${origin.url}", public: test, plugins: [{ ./one.js: { optional: true } }] }
`,
      { files: { 'one.js': keyed('x-one'), 'two.js': keyed('x-two') } },
    )
    const ask = async (path: string, headers: Record<string, string>) => {
      const response = await gateway.fetch(path, { headers })
      return [
        response.status,
        response.headers.get('www-authenticate'),
        origin.requests.splice(0)[0]?.headers['x-consumer'],
      ]
    }

    expect(await ask('/either', {})).toEqual([401, 'x-one, x-two', undefined])
    expect(await ask('/either', { 'x-two': 'ada' })).toEqual([200, null, 'ada'])
    expect(await ask('/either', { 'x-one': 'bad', 'x-two': 'ada' })).toEqual([401, null, undefined])
    expect(await ask('/maybe', { 'x-consumer': 'root' })).toEqual([200, null, undefined])
    expect(await ask('/maybe', { 'x-one': 'bob' })).toEqual([200, null, 'bob'])
    expect(await ask('/maybe', { 'x-one': 'bad' })).toEqual([401, null, undefined])
  })

  test('sees in its record what every plugin decided', async () => {
    await using origin = await startOrigin()
    const recorder = native(
      `
  scope.addHook('onRequest', ({ exchange }) => exchange.onClose(() => scope.log.info({ record: exchange.decisions }, 'record')))
`,
      { traits: `{ needs: ['record'] }` },
    )
    await using gateway = await startGateway(
      `routes:\n  all: { match: /*, upstream: "${origin.url}", public: test, plugins: [./rec.js, { ip-filter: { deny: [127.0.0.1], mode: observe } }, { api-key: { optional: true } }] }\n`,
      { files: { 'rec.js': recorder } },
    )

    await gateway.fetch('/')

    await expect
      .poll(() => gateway.log.find(({ record }) => record !== undefined)?.['record'])
      .toMatchObject([
        { plugin: 'ip-filter', verdict: 'refuse', mode: 'observe' },
        { plugin: 'api-key', verdict: 'pass', reason: 'anonymous', mode: 'enforce' },
      ])
  })
})
