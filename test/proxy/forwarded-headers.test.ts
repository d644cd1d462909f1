/** What the upstream is told about the client and the way here, and what nobody else can tell it. CONTRACT "The wire", DESIGN §6. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'
import { start, trusting } from './forwarded-setup.ts'

describe('what a client claims about the way here', () => {
  const claims = [
    'Forwarded: for=6.6.6.6',
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Host: evil',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Port: a-port-of-mine',
    'X-Forwarded-Prefix: /evil',
    'X-Forwarded-Client-Cert: evil',
    'X-Real-IP: 6.6.6.6',
    'True-Client-IP: 6.6.6.6',
    'X-Client-IP: 6.6.6.6',
    'X_Forwarded_For: 6.6.6.6',
    'X_Real-IP: 6.6.6.6',
    'X_Forwarded_Anything: evil',
  ]

  test.for([
    ['nobody', ''],
    ['a proxy that sends another header', trusting('x-proxy-ip')],
  ] as const)('is removed where it comes from %s', async ([, front]) => {
    await using setup = await start(front)

    const fields = await setup.seen(...claims)

    expect(JSON.stringify(fields)).not.toMatch(/6\.6\.6\.6|evil|a-port-of-mine/)
    expect(Object.fromEntries(fields)).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'a.example',
    })
  })

  test('is taken over from a trusted proxy: host and scheme of the one header family that is believed', async () => {
    await using setup = await start(trusting())

    const fields = Object.fromEntries(await setup.seen(...claims.filter((line) => !line.startsWith('X-Forwarded-For'))))

    expect(fields).toMatchObject({ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil', host: 'a.example' })
    for (const name of [
      'forwarded',
      'x-real-ip',
      'true-client-ip',
      'x-client-ip',
      'x-forwarded-port',
      'x-forwarded-prefix',
      'x_forwarded_for',
    ])
      expect(fields).not.toHaveProperty(name)
  })

  test.for([
    [['X-Forwarded-Proto: gopher'], 'http'],
    [['X-Forwarded-Proto: https', 'X-Forwarded-Proto: http'], 'http'],
    [['X-Forwarded-Proto: https, http'], 'http'],
  ] as const)('about the scheme is no scheme: %j', async ([lines, expected]) => {
    await using setup = await start(trusting())

    expect(await setup.value('x-forwarded-proto', ...lines)).toBe(expected)
  })

  test('in the header that is believed is removed where a stranger sends it', async () => {
    await using setup = await start(trusting('cf-connecting-ip', '10.0.0.0/8'))

    const fields = await setup.seen('CF-Connecting-IP: 6.6.6.6', 'CF_Connecting_IP: 6.6.6.6')

    expect(JSON.stringify(fields)).not.toContain('6.6.6.6')
  })

  test('about the host on two lines is none', async () => {
    await using setup = await start(trusting())

    expect(await setup.value('x-forwarded-host', 'X-Forwarded-Host: b', 'X-Forwarded-Host: c')).toBe('a.example')
  })

  test('never matches a route', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `${trusting()}\nroutes:\n  b: { match: b.example/*, upstream: "${origin.url}", public: test }\n`,
    )

    expect(await exchange(gateway.port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: b.example\r\n\r\n')).toMatch(
      / 404 /,
    )
  })
})

describe('the request id', () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

  test('is fresh for strangers, and the same for upstream and client', async () => {
    await using setup = await start()

    expect(await setup.value('x-request-id', 'X-Request-Id: mine', 'X_Request_Id: mine')).toMatch(uuid)
    const [first, second] = [await setup.gateway.fetch('/'), await setup.gateway.fetch('/')]
    expect(first.headers.get('x-request-id')).not.toBe(second.headers.get('x-request-id'))
  })

  test.for([
    ['X-Request-Id: mine-1', 'mine-1'],
    ['X-Request-Id: with blank', uuid],
    [`X-Request-Id: ${'a'.repeat(129)}`, uuid],
    ['X-Request-Id: \xe9', uuid],
    ['X-Request-Id:', uuid],
  ] as const)('from a trusted proxy is kept if it can be: %s', async ([line, expected]) => {
    await using setup = await start(trusting())

    expect(await setup.value('x-request-id', line)).toMatch(expected)
  })
})

describe('the trace', () => {
  const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const fresh = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/

  test.for([
    [[`Traceparent: ${parent}`], parent],
    [[], fresh],
    [['Traceparent: garbage'], fresh],
    [['Traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01'], fresh],
    [['Traceparent: 00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01'], fresh],
    [[`Traceparent: ${parent.toUpperCase()}`], fresh],
    [[`Traceparent: ${parent}`, `Traceparent: ${parent}`], fresh],
  ] as const)('of %j is %s', async ([lines, expected]) => {
    await using setup = await start()
    const value = await setup.value('traceparent', ...lines)

    if (typeof expected === 'string') expect(value).toBe(expected)
    else expect(value).toMatch(expected)
    if (typeof expected !== 'string') expect(value).not.toContain('0af7651916cd43dd')
  })

  test('keeps its state with its parent, and not without', async () => {
    await using setup = await start()

    expect(await setup.value('tracestate', `Traceparent: ${parent}`, 'Tracestate: a=1', 'Tracestate: b=2')).toBe(
      'a=1,b=2',
    )
    expect(await setup.value('tracestate', 'Tracestate: a=1')).toBeUndefined()
  })
})

describe('Via', () => {
  test.for([
    [[], '1.1 edge'],
    [['Via: 1.0 fred'], '1.0 fred, 1.1 edge'],
    [['Via: 1.0 fred', 'Via: 1.1 p.example (x)'], '1.0 fred, 1.1 p.example (x), 1.1 edge'],
    [['Connection: via', 'Via: 1.0 fred'], '1.0 fred, 1.1 edge'],
  ] as const)('of %j is %s', async ([lines, expected]) => {
    await using setup = await start()

    expect(await setup.value('via', ...lines)).toBe(expected)
  })
})

describe('a connection’s own fields', () => {
  test('are not forwarded, nor those that Connection names', async () => {
    await using setup = await start()

    const fields = await setup.seen(
      'Connection: keep-alive, X-Hop',
      'Connection: X-Other , , te',
      'X-Hop: 1',
      'X-Other: 1',
      'X-End: 1',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eDp5',
      'Proxy: evil',
      'TE: trailers, deflate',
      'Trailer: x',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
    )

    const names = fields
      .map(([name]) => name)
      .filter((name) => !/^(x-forwarded-.*|via|x-request-id|traceparent)$/.test(name))
    expect(names).toEqual(['host', 'x-end'])
  })

  test.for(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'via', 'x-request-id', 'traceparent', 'host'])(
    'do not include %s, whatever Connection says',
    async (name) => {
      await using setup = await start()

      expect(await setup.value(name, `Connection: close, ${name}`)).toBeDefined()
    },
  )

  test('do not include the identity, whatever Connection says', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(`
consumers: { shop: { groups: [g], keys: ["sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"] } }
routes:
  all: { match: /*, upstream: "${origin.url}", plugins: [api-key] }
`)

    await exchange(
      gateway.port,
      'GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: key\r\nConnection: x-consumer, x-consumer-groups, x-consumer-source, x-api-key\r\n\r\n',
    )

    expect(origin.requests[0]!.headers).toMatchObject({
      'x-consumer': 'shop',
      'x-consumer-groups': 'g',
      'x-consumer-source': 'key',
    })
  })
})

test('everything else arrives as it was sent: order, case, repetition, underscores', async () => {
  await using setup = await start()

  const fields = await setup.seen(
    'X-B: 2',
    'x-A: 1',
    'X-B:   3  ',
    'Cookie: a',
    'Cookie: b',
    'some_name: 1',
    'X-Empty:',
  )

  expect(fields.filter(([name]) => /^(x-[abe]|cookie|some)/.test(name))).toEqual([
    ['x-b', '2'],
    ['x-a', '1'],
    ['x-b', '3'],
    ['cookie', 'a'],
    ['cookie', 'b'],
    ['some_name', '1'],
    ['x-empty', ''],
  ])
})
