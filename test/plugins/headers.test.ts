/** Edited header fields, as the upstream and the client see them on the wire. */
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'

const route = (options: string, upstream: string) => `
routes:
  api: { match: /*, upstream: "${upstream}", public: test, plugins: [{ headers: ${options} }] }
`

/** All values of a field in a flat list, in order. */
function valuesOf(raw: readonly string[], name: string): string[] {
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1]!.toLowerCase() === name)
}

test('removes, sets and adds request headers, in this order', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(
    route(
      '{ request: { remove: [X-Internal, x-both], set: { X-Api: "2", x-both: new }, add: { x-tag: b, x-both: newer } } }',
      origin.url,
    ),
  )

  await exchange(
    gateway.port,
    'GET / HTTP/1.1\r\nHost: a\r\nx-internal: 1\r\nX-INTERNAL: 2\r\nx-api: 1\r\nx-api: 1\r\nx-tag: a\r\nx-both: old\r\n\r\n',
  )

  const { rawHeaders } = origin.requests[0]!
  expect(valuesOf(rawHeaders, 'x-internal')).toEqual([])
  expect(valuesOf(rawHeaders, 'x-api')).toEqual(['2'])
  expect(valuesOf(rawHeaders, 'x-tag')).toEqual(['a', 'b'])
  expect(valuesOf(rawHeaders, 'x-both')).toEqual(['new', 'newer'])
})

test('removes, sets and adds response headers', async () => {
  await using origin = await startOrigin((_, response) => {
    response.setHeader('Server', 'origin/1.0')
    response.setHeader('X-Powered-By', 'origin')
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    response.end('ok')
  })
  await using gateway = await startGateway(
    route(
      '{ response: { remove: [server, x-powered-by], set: { x-frame-options: DENY }, add: { set-cookie: c=3 } } }',
      origin.url,
    ),
  )

  const { headers } = await gateway.fetch('/')

  expect([headers.get('server'), headers.get('x-powered-by'), headers.get('x-frame-options')]).toEqual([
    null,
    null,
    'DENY',
  ])
  expect(headers.getSetCookie()).toEqual(['a=1', 'b=2', 'c=3'])
})

test('edits problems too', async () => {
  await using gateway = await startGateway(route('{ response: { set: { x-edge: "1" } } }', 'http://127.0.0.1:1'))

  const response = await gateway.fetch('/')

  expect([response.status, response.headers.get('x-edge')]).toEqual([502, '1'])
})

test('edits the answers that the gateway gives for a route', async () => {
  await using gateway = await startGateway(`
routes:
  hello:
    match: /hello
    respond: { status: 200, body: hello }
    public: test
    plugins: [{ headers: { request: { set: { x-a: "1" } }, response: { set: { x-edge: "1" } } } }]
`)

  const response = await gateway.fetch('/hello')

  expect([response.status, response.headers.get('x-edge'), await response.text()]).toEqual([200, '1', 'hello'])
})

test('takes a value from the environment without showing it', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(
    route(`{ request: { set: { x-internal-token: "\${env:TOKEN}" } } }`, origin.url),
    { env: { TOKEN: 'hunter2hunter2' } },
  )

  await gateway.fetch('/')
  const config = await (await fetch(`${gateway.adminUrl}/api/config`)).text()

  expect(origin.requests[0]!.headers['x-internal-token']).toBe('hunter2hunter2')
  expect(config).not.toContain('hunter2hunter2')
  expect(JSON.stringify(gateway.log)).not.toContain('hunter2hunter2')
})

test.for([
  ['request', 'set', 'Connection', 'belongs to the connection'],
  ['request', 'set', 'content-length', 'belongs to the connection'],
  ['request', 'set', 'Transfer-Encoding', 'belongs to the connection'],
  ['request', 'add', 'te', 'belongs to the connection'],
  ['request', 'set', 'upgrade', 'belongs to the connection'],
  ['request', 'set', 'host', '`host` of the route'],
  ['request', 'set', 'x-consumer', 'only an authenticator'],
  ['request', 'add', 'X_Consumer_Groups', 'only an authenticator'],
  ['request', 'set', 'x-consumer-source', 'only an authenticator'],
  ['request', 'set', 'via', 'finds loops'],
  ['request', 'set', 'proxy', 'does not forward'],
  ['response', 'set', 'content-length', 'belongs to the connection'],
  ['response', 'add', 'transfer_encoding', 'belongs to the connection'],
  ['response', 'set', 'keep-alive', 'belongs to the connection'],
] as const)('refuses to %s-%s %s', async ([side, edit, name, reason]) => {
  await using gateway = await startGateway(route('{ request: { set: { x-a: "1" } } }', 'http://127.0.0.1:1'))

  const result = await gateway.reload(route(`{ ${side}: { ${edit}: { ${name}: x } } }`, 'http://127.0.0.1:1'))

  expect(result.ok).toBe(false)
  expect(JSON.stringify(result)).toContain(reason)
})

test.for([
  ['a line break in a value', String.raw`{ request: { set: { x-a: "1\r\nx-b: 2" } } }`],
  ['a bare line feed in a value', String.raw`{ response: { add: { x-a: "1\nx-b: 2" } } }`],
  ['a NUL in a value', String.raw`{ request: { set: { x-a: "\0" } } }`],
  ['characters beyond Latin-1 in a value', '{ request: { set: { x-a: "€" } } }'],
  ['a blank in a name', '{ request: { set: { "x a": "1" } } }'],
  ['a line break in a name', String.raw`{ request: { set: { "x-a: 1\r\nx-b": "1" } } }`],
  ['a line break in a removed name', String.raw`{ response: { remove: ["x\r\ny"] } }`],
  ['an empty name', '{ request: { set: { "": "1" } } }'],
  ['a number as value', '{ request: { set: { x-a: 1 } } }'],
  ['nothing to do', '{}'],
] as const)('does not load with %s', async ([, options]) => {
  await using gateway = await startGateway(route('{ request: { set: { x-a: "1" } } }', 'http://127.0.0.1:1'))

  const result = await gateway.reload(route(options, 'http://127.0.0.1:1'))

  expect(result.ok).toBe(false)
})

test('does not load with a line break that comes from the environment', async () => {
  await using gateway = await startGateway(route('{ request: { set: { x-a: "1" } } }', 'http://127.0.0.1:1'), {
    env: { BROKEN: 'hunter2\r\nx-b: 2' },
  })

  const result = await gateway.reload(route(`{ request: { set: { x-a: "\${env:BROKEN}" } } }`, 'http://127.0.0.1:1'))

  expect(result.ok).toBe(false)
  expect(JSON.stringify(result)).not.toContain('hunter2')
})
