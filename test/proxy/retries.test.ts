import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { deadPort } from '../support/ports.ts'
import { response, scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire } from '../support/wire.ts'
import { dyingOrigin, frozenOrigin, routeTo } from './failing-origins.ts'

/** Answers these statuses in turn, the last one for ever. */
function statuses(...list: number[]) {
  let next = 0
  return startOrigin((request, reply) => {
    request.resume()
    const status = list[Math.min(next++, list.length - 1)]!
    reply.writeHead(status, { 'content-length': 2 }).end('ok')
  })
}

const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code

describe('a request whose target cannot be reached', () => {
  test.for(['GET', 'POST'])('%s goes to another target', async (method) => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(routeTo([await deadPort(), origin.port], 'retries: {}'))
    const body = method === 'POST' ? { body: 'x'.repeat(200_000) } : {}

    const answers = await Promise.all([1, 2, 3].map(() => gateway.fetch('/', { method, ...body })))

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(await gateway.metrics()).toMatch(/sluice_upstream_retries_total\{upstream="main",reason="connect"\} [1-3]\n/)
  })

  test('is answered with its own failure when every target fails', async () => {
    await using gateway = await startGateway(routeTo([await deadPort(), await deadPort()], 'retries: { attempts: 2 }'))

    const answer = await gateway.fetch('/')

    expect([answer.status, await codeOf(answer)]).toEqual([502, 'upstream-refused'])
    expect(await gateway.metrics()).toContain('reason="connect"} 2\n')
  })

  test('is not tried again where `on` does not say so, nor without `retries`', async () => {
    await using origin = await startOrigin()
    const targets = [await deadPort(), origin.port]
    await using gateway = await startGateway(routeTo(targets, 'retries: { on: [status] }'))

    const one = [(await gateway.fetch('/')).status, (await gateway.fetch('/')).status]
    await gateway.reload(routeTo(targets))
    const other = [(await gateway.fetch('/')).status, (await gateway.fetch('/')).status]

    expect([one.sort(), other.sort()]).toEqual([
      [200, 502],
      [200, 502],
    ])
  })
})

describe('a request whose upstream died with it', () => {
  test('is sent to another target when it is idempotent', async () => {
    await using dying = await dyingOrigin()
    await using origin = await startOrigin()
    await using gateway = await startGateway(routeTo([dying.port, origin.port], 'retries: {}'))

    const answers = [await gateway.fetch('/'), await gateway.fetch('/'), await gateway.fetch('/', { method: 'DELETE' })]

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(dying.connections.length).toBeGreaterThan(0)
  })

  test.for([
    ['POST without a key', {}, [502, 502]],
    ['POST with Idempotency-Key', { 'idempotency-key': '"a"' }, [200, 200]],
  ] as const)('%s', async ([, headers, expected]) => {
    await using dying = await dyingOrigin()
    await using other = await dyingOrigin()
    let bodies = ''
    await using origin = await startOrigin((request, reply) => {
      request.on('data', (chunk) => (bodies += chunk))
      request.on('end', () => reply.end())
    })
    const targets = expected[0] === 200 ? [dying.port, origin.port] : [dying.port, other.port]
    await using gateway = await startGateway(routeTo(targets, 'retries: {}'))
    const send = () => gateway.fetch('/', { method: 'POST', headers, body: 'the body' })

    expect([(await send()).status, (await send()).status]).toEqual(expected)
    expect(dying.connections.length + other.connections.length).toBeGreaterThan(expected[0] === 200 ? 0 : 1)
    expect(bodies).toBe(expected[0] === 200 ? 'the bodythe body' : '')
  })

  test('with a body over `bodyBuffer` is not sent twice', async () => {
    await using dying = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.bytes(2000)
      connection.reset()
    })
    await using gateway = await startGateway(routeTo([dying.port], 'retries: { bodyBuffer: 1KiB, attempts: 5 }'))

    const answer = await gateway.fetch('/', { method: 'PUT', body: 'x'.repeat(2000) })

    expect([answer.status, dying.connections.length]).toEqual([502, 1])
  })

  test('replays what it kept of a body and goes on with the rest', async () => {
    await using dying = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.bytes(5)
      connection.reset()
    })
    const received = Promise.withResolvers<string>()
    await using origin = await startOrigin((request, reply) => {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      request.on('end', () => {
        received.resolve(body)
        reply.end()
      })
    })
    await using gateway = await startGateway(routeTo([dying.port, origin.port], 'retries: {}'))
    const wire = await openWire(gateway.port)
    wire.send('PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 11\r\n\r\nfirst')
    while (origin.requests.length === 0) await pause(2)
    wire.send(' later')

    expect(await wire.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 200/)
    expect(await received.promise).toBe('first later')
    wire.close()
  })

  test('is not repeated once the head of an answer has come', async () => {
    await using torn = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
      connection.reset()
    })
    await using gateway = await startGateway(routeTo([torn.port], 'retries: { attempts: 5 }'))
    const wire = await openWire(gateway.port)
    wire.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')

    await wire.closed()

    expect(torn.connections.length).toBe(1)
  })
})

describe('an answer that counts as a failure', () => {
  test.for([
    ['GET', 503, 200, 2],
    ['GET', 500, 500, 1],
    ['GET', 429, 429, 1],
    ['POST', 503, 503, 1],
  ] as const)('%s answered %d becomes %d after %d requests', async ([method, first, expected, requests]) => {
    await using origin = await statuses(first, 200)
    await using gateway = await startGateway(routeTo([origin.port], 'retries: {}'))

    const answer = await gateway.fetch('/', { method, ...(method === 'POST' ? { body: 'x' } : {}) })

    expect([answer.status, origin.requests.length]).toEqual([expected, requests])
  })

  test('is passed on, its body whole, when no try is left', async () => {
    await using origin = await statuses(503)
    await using gateway = await startGateway(routeTo([origin.port], 'retries: { attempts: 2, statuses: [5xx] }'))

    const answer = await gateway.fetch('/')

    expect([answer.status, await answer.text(), origin.requests.length]).toEqual([503, 'ok', 3])
  })

  test.for([
    ['0', 200, 2],
    ['3600', 503, 1],
  ] as const)('with Retry-After: %s ends as %d after %d requests', async ([retryAfter, status, requests]) => {
    let sent = 0
    await using origin = await startOrigin((_, reply) => {
      reply.writeHead(sent++ === 0 ? 503 : 200, { 'retry-after': retryAfter }).end()
    })
    await using gateway = await startGateway(routeTo([origin.port], 'retries: {}'))

    expect([(await gateway.fetch('/')).status, origin.requests.length]).toEqual([status, requests])
  })

  test('repeats no request whose body is still coming', async () => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.send('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n')
    })
    await using gateway = await startGateway(routeTo([origin.port], 'retries: {}'))
    const wire = await openWire(gateway.port)
    wire.send('PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 11\r\n\r\nfirst')

    expect(await wire.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 503/)
    expect(origin.connections.length).toBe(1)
    wire.close()
  })
})

describe('time', () => {
  test('of one try is over after `perTry`, and the next target is asked', async () => {
    await using frozen = await frozenOrigin()
    await using origin = await startOrigin()
    await using gateway = await startGateway(routeTo([frozen.port, origin.port], 'retries: { perTry: 1s }'))

    const answers = [await gateway.fetch('/'), await gateway.fetch('/')]

    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(frozen.connections).toBeGreaterThan(0)
    expect(await gateway.metrics()).toMatch(/sluice_upstream_retries_total\{upstream="main",reason="timeout"\} [12]\n/)
  })

  test('of a POST that was sent is over after `perTry` too, and nobody else is asked', async () => {
    await using frozen = await frozenOrigin()
    await using gateway = await startGateway(routeTo([frozen.port], 'retries: { perTry: 500ms }'))

    const answer = await gateway.fetch('/', { method: 'POST', body: 'x' })

    expect([answer.status, await codeOf(answer), frozen.connections]).toEqual([504, 'upstream-timeout', 1])
  })

  test('of all tries together is over after `timeouts.total`', async () => {
    await using frozen = await frozenOrigin()
    await using gateway = await startGateway(
      routeTo([frozen.port], 'timeouts: { total: 120ms }, retries: { attempts: 10, perTry: 50ms }'),
    )
    const begun = performance.now()

    const answer = await gateway.fetch('/')

    expect([answer.status, await codeOf(answer)]).toEqual([504, 'upstream-timeout'])
    expect(performance.now() - begun).toBeGreaterThan(110)
    expect(frozen.connections).toBeLessThanOrEqual(3)
  })

  test('is not spent on a client that left: its waiting retry is dropped', async () => {
    await using origin = await statuses(503)
    await using gateway = await startGateway(
      routeTo([origin.port], 'retries: { backoff: { base: 24h, max: 24h }, attempts: 10 }'),
    )
    const wire = await openWire(gateway.port)
    wire.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    while (!(await gateway.metrics()).includes('reason="status"} 1')) await pause(2)

    wire.close()

    while (!(await gateway.metrics()).includes('sluice_inflight_requests 0')) await pause(2)
    expect(origin.requests.length).toBe(1)
  })
})

test('retries keep to their budget while everything fails', async () => {
  await using origin = await statuses(503)
  await using gateway = await startGateway(
    routeTo([origin.port], 'retries: { attempts: 5, budget: 20%, backoff: { base: 1ms, max: 1ms } }'),
  )

  const requests = 100
  for (let i = 0; i < requests; i += 10) {
    await Promise.all(Array.from({ length: 10 }, () => gateway.fetch('/').then((answer) => answer.text())))
  }

  expect(origin.requests.length).toBeGreaterThanOrEqual(requests + 3)
  expect(origin.requests.length).toBeLessThanOrEqual(requests * 1.2 + 6)
})

test('a request that a kept connection died under goes out again once, and is counted', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(response('ok'))
    await connection.request()
    connection.fin()
  })
  await using gateway = await startGateway(`
upstreams: { origin: ["http://127.0.0.1:${origin.port}"] }
routes: { all: { match: /*, upstream: origin, public: "test" } }
`)

  const first = await gateway.fetch('/')
  const second = await gateway.fetch('/')

  expect([first.status, second.status]).toEqual([200, 200])
  expect(origin.connections).toHaveLength(2)
  expect(await gateway.metrics()).toMatch(/^sluice_upstream_retries_total\{upstream="origin",reason="reused"\} 1$/m)
})
