/** Targets that are names: a name server of the test's own says where they lead. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import type { DnsConfig } from '../../src/config/config.ts'
import { resolverOf } from '../../src/upstream/resolve.ts'
import { ResolvedName } from '../../src/upstream/resolved-name.ts'
import { startDns } from '../support/dns.ts'
import { startGateway } from '../support/gateway.ts'

/** Origins on one port of several loopback addresses, each answering with its own. */
async function originsOn(addresses: readonly string[]) {
  const servers: Server[] = []
  let port = 0
  for (const address of addresses) {
    const server = createServer((request, response) => {
      const answer = () => response.end(address)
      if (request.url === '/slow') waiting.push(answer)
      else answer()
    })
    const waiting: (() => void)[] = []
    server.on('release', () => {
      for (const answer of waiting.splice(0)) answer()
    })
    await new Promise<void>((resolve) => server.listen(port, address, resolve))
    port = (server.address() as AddressInfo).port
    servers.push(server)
  }
  return {
    port,
    servers,
    connections: (index: number) =>
      new Promise<number>((resolve, reject) =>
        servers[index]!.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      ),
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.closeAllConnections()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

const config = (server: string, port: number, { timeout = '1s', rest = '' } = {}) => `
dns: { servers: ["${server}"], timeout: ${timeout}, minTtl: 20ms }
upstreams: { named: { targets: ["http://orders.test:${port}"] ${rest} } }
routes: { all: { match: /*, upstream: named, public: test } }`

test('connections spread over all addresses of a name', async () => {
  await using origins = await originsOn(['127.0.0.1', '127.0.0.2', '127.0.0.3'])
  await using dns = await startDns({ 'orders.test': ['127.0.0.1', '127.0.0.2', '127.0.0.3'] })
  await using gateway = await startGateway(config(dns.address, origins.port))

  const answers = await Promise.all(Array.from({ length: 9 }, async () => (await gateway.fetch('/')).text()))
  expect(new Set(answers)).toEqual(new Set(['127.0.0.1', '127.0.0.2', '127.0.0.3']))
  expect(dns.questions.sort()).toEqual(['A orders.test', 'AAAA orders.test'])
})

test('a connection that is refused goes on to the next address', async () => {
  await using origins = await originsOn(['127.0.0.3'])
  await using dns = await startDns({ 'orders.test': ['127.0.0.1', '127.0.0.2', '127.0.0.3'] })
  await using gateway = await startGateway(config(dns.address, origins.port))

  for (let request = 0; request < 3; request++) {
    const answer = await gateway.fetch('/', { headers: { connection: 'close' } })
    expect([answer.status, await answer.text()]).toEqual([200, '127.0.0.3'])
  }
})

test('an address that the name no longer has gets no new requests, and those it has finish', async () => {
  await using origins = await originsOn(['127.0.0.1', '127.0.0.2'])
  await using dns = await startDns({ 'orders.test': ['127.0.0.1'] })
  dns.ttl = 0
  await using gateway = await startGateway(config(dns.address, origins.port))
  const slow = gateway.fetch('/slow')
  await until(async () => (await origins.connections(0)) === 1)
  for (let request = 0; request < 3; request++) expect(await (await gateway.fetch('/')).text()).toBe('127.0.0.1')
  expect(await origins.connections(0)).toBe(2)

  dns.names.set('orders.test', ['127.0.0.2'])
  await until(async () => (await origins.connections(0)) === 1)
  expect(await (await gateway.fetch('/')).text()).toBe('127.0.0.2')
  origins.servers[0]!.emit('release')
  expect(await (await slow).text()).toBe('127.0.0.1')
  await until(async () => (await origins.connections(0)) === 0)
})

test.for([
  [
    'does not answer',
    (dns: { silent: boolean }) => {
      dns.silent = true
    },
  ],
  ['says that the name is gone', (dns: { names: Map<string, unknown> }) => void dns.names.clear()],
] as const)('the last good addresses stay when the name server %s', async ([, fail]) => {
  await using origins = await originsOn(['127.0.0.2'])
  await using dns = await startDns({ 'orders.test': ['127.0.0.2'] })
  dns.ttl = 0
  await using gateway = await startGateway(config(dns.address, origins.port, { timeout: '500ms' }))
  expect((await gateway.fetch('/')).status).toBe(200)

  fail(dns)
  await until(() => gateway.log.some(({ name, code }) => name === 'orders.test' && code !== undefined))
  expect(await (await gateway.fetch('/')).text()).toBe('127.0.0.2')
  const told = gateway.log.filter(({ code }) => code !== undefined)
  expect(told).toHaveLength(1)
})

test('a name that never led anywhere is answered upstream-unresolved, and a storm of requests asks once', async () => {
  await using dns = await startDns({})
  await using gateway = await startGateway(config(dns.address, 1))

  const began = performance.now()
  const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.fetch('/')))
  await gateway.fetch('/')
  // Once a second at most, for both families; on a machine with time that is once.
  const seconds = (performance.now() - began) / 1000
  expect(dns.questions.length).toBeLessThanOrEqual(2 * Math.ceil(seconds))
  for (const answer of answers) {
    expect(answer.status).toBe(502)
    expect(await answer.json()).toMatchObject({ code: 'upstream-unresolved' })
  }
})

test('an address that cannot be reached makes the name be looked up again before its time', async () => {
  await using origins = await originsOn(['127.0.0.2'])
  await using dns = await startDns({ 'orders.test': ['127.0.0.1'] })
  await using gateway = await startGateway(config(dns.address, origins.port))
  await gateway.fetch('/')

  dns.names.set('orders.test', ['127.0.0.2'])
  await until(async () => (await gateway.fetch('/')).status === 200)
  expect(dns.questions.length).toBeGreaterThanOrEqual(4)
})

test('the host that an upstream sees, and its certificate is checked for, stays the name', async () => {
  await using origins = await originsOn(['127.0.0.2'])
  await using dns = await startDns({ 'orders.test': ['127.0.0.2'] })
  const hosts: (string | undefined)[] = []
  origins.servers[0]!.prependListener('request', (request) => hosts.push(request.headers.host))
  await using gateway = await startGateway(
    config(dns.address, origins.port).replace('upstream: named', 'upstream: named, host: target'),
  )

  await gateway.fetch('/')
  expect(hosts).toEqual([`orders.test:${origins.port}`])
})

test('tunnels go where the name leads', async () => {
  await using origins = await originsOn(['127.0.0.2'])
  await using dns = await startDns({ 'orders.test': ['127.0.0.2'] })
  new WebSocketServer({ server: origins.servers[0]! }).on('connection', (socket) => socket.send('hello'))
  await using gateway = await startGateway(config(dns.address, origins.port))

  const socket = new WebSocket(gateway.url.replace('http', 'ws'))
  const message = await new Promise((resolve, reject) => socket.on('message', resolve).on('error', reject))
  socket.close()
  expect(String(message)).toBe('hello')
})

test('probes ask the name server of the config too', async () => {
  await using origins = await originsOn(['127.0.0.2'])
  await using dns = await startDns({ 'orders.test': ['127.0.0.2'] })
  const rest = ', health: { path: /, interval: 20ms, unhealthyAfter: 1 }, panicThreshold: 0%'
  await using gateway = await startGateway(config(dns.address, origins.port, { rest }))
  let probes = 0
  origins.servers[0]!.on('request', () => probes++)

  await until(() => probes >= 2)
  expect((await gateway.fetch('/')).status).toBe(200)
})

test('a reload keeps what is known about a name', async () => {
  await using origins = await originsOn(['127.0.0.2'])
  await using dns = await startDns({ 'orders.test': ['127.0.0.2'] })
  await using gateway = await startGateway(config(dns.address, origins.port))
  await gateway.fetch('/')

  await gateway.reload(config(dns.address, origins.port, { rest: ', timeouts: { connect: 1s }' }))
  expect((await gateway.fetch('/')).status).toBe(200)
  expect(dns.questions).toHaveLength(2)
})

const servers = (address: string): DnsConfig => {
  return { servers: [address], timeoutMs: 5000, refreshMs: 1000, minTtlMs: 20, maxTtlMs: 60_000 }
}

test.for([
  [0, 20],
  [3, 3000],
  [3600, 60_000],
])('a lifetime of %i seconds is kept within the bounds', async ([ttl, expected]) => {
  await using dns = await startDns({ 'orders.test': ['127.0.0.1', '::1'] })
  dns.ttl = ttl!

  expect(await resolverOf(servers(dns.address))('orders.test', [])).toEqual({
    addresses: [
      { address: '127.0.0.1', family: 4, ttl },
      { address: '::1', family: 6, ttl },
    ],
    lifetimeMs: expected,
  })
})

test('the system knows localhost, and servers are not asked for it', async () => {
  await using dns = await startDns({})

  const asked = await resolverOf({ ...servers(''), servers: [] })('localhost', [])
  expect(asked.addresses.map(({ address }) => address)).toContain('127.0.0.1')
  expect(asked.lifetimeMs).toBe(1000)
  const unasked = await resolverOf(servers(dns.address))('localhost', [])
  expect(unasked.addresses.map(({ address }) => address)).toEqual(['127.0.0.1', '::1'])
  expect(dns.questions).toEqual([])
})

test('one family stays first while each of its addresses takes its turn', async () => {
  const addresses = [
    { address: '10.0.0.1', family: 4 },
    { address: '10.0.0.2', family: 4 },
    { address: 'fd00::1', family: 6 },
  ]
  const events = { changed() {}, failed() {} }
  using name = new DisposableName('orders.test', async () => ({ addresses, lifetimeMs: 60_000 }), events)
  const ask = () =>
    new Promise((resolve) =>
      name.lookup('orders.test', { all: true }, (_, found) =>
        resolve((found as typeof addresses).map((one) => one.address)),
      ),
    )

  expect([await ask(), await ask(), await ask()]).toEqual([
    ['10.0.0.1', '10.0.0.2', 'fd00::1'],
    ['10.0.0.2', '10.0.0.1', 'fd00::1'],
    ['10.0.0.1', '10.0.0.2', 'fd00::1'],
  ])
})

class DisposableName extends ResolvedName implements Disposable {
  [Symbol.dispose]() {
    this.close()
  }
}
