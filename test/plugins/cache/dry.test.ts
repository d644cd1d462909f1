/** A dry run of the cache: it says what it would do, and leaves no trace. */
import { expect, test } from 'vitest'
import cache, { schema, traits } from '../../../plugins/cache.ts'
import { Exchange } from '../../../src/exchange/exchange.ts'
import { HeaderList } from '../../../src/exchange/headers.ts'
import { UpstreamRequest } from '../../../src/exchange/upstream-request.ts'
import { Carry } from '../../../src/generation/carry.ts'
import { record } from '../../../src/generation/scope.ts'
import { createLog } from '../../../src/observe/log.ts'
import { Metrics } from '../../../src/observe/metrics.ts'
import { MemoryCounters } from '../../../src/state/memory-counters.ts'
import { MemoryInFlight } from '../../../src/state/memory-in-flight.ts'
import { Purges } from '../../../src/state/purges.ts'

test('decides in a dry run without counting, with secret query parameters left out of the key it shows', async () => {
  const metrics = new Metrics()
  const { onRequest, close } = await record(
    {
      kind: 'plugin',
      plugin: { name: 'cache', url: 'file:///cache.ts' },
      options: { ttl: '1h', maxObject: '1MiB', maxTotal: '64MiB', shared: false },
      mode: 'enforce',
      optional: false,
      id: 'routes.r/cache#0',
      at: { file: 'gateway.yaml', line: 1, column: 1, endColumn: 1 },
      belowAuthenticator: false,
    },
    { schema, traits, default: cache },
    {
      carry: new Carry(),
      metrics,
      counters: new MemoryCounters(),
      inFlight: new MemoryInFlight(),
      purges: new Purges(),
      answers: () => null,
      siblings: null,
      log: createLog(),
      consumers: { byKeyHash: () => undefined, byToken: () => undefined, byCertificate: () => [] },
      reads: [],
      secrets: ['query:key', 'header:x-api-key'],
      folder: '/',
      digest: '',
    },
  )
  const exchange = new Exchange({
    listener: { name: 'listen[0]', protocol: 'http' },
    method: 'GET',
    rawHeaders: ['x-original-url', '/admin'],
    authority: 'h',
    host: 'h',
    path: '/a',
    query: '?key=s3cret&v=1',
    scheme: 'http',
    clientAddress: '192.0.2.1',
    peerAddress: '192.0.2.1',
    trusted: false,
    id: '1',
    body: { kind: 'none' },
    expectsContinue: false,
    upgrade: false,
  })
  const headers = new HeaderList(['x-original-url', '/admin'])
  exchange.prepare = () =>
    new UpstreamRequest({
      method: 'GET',
      path: '/a',
      query: '',
      host: null,
      headers,
      trailers: { most: 100, mostBytes: 1000, passes: () => true },
    })
  exchange.recording = true

  onRequest[0]!(exchange.request, exchange.reply)

  expect(exchange.reply.sent).toBe(false)
  expect(exchange.decisions).toMatchObject([
    { verdict: 'pass', reason: 'uri-miss', inputs: { key: 'GET http://h/a?key=…&v=1', consumer: null } },
  ])
  expect(exchange.upstreamRequest.headers.raw).toEqual([])
  expect(await metrics.text()).not.toContain('cache_requests_total{')
  close()
})
