import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { makeCertificate, type Pair } from '../support/certificate.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'

const server = makeCertificate('localhost')
const authority = makeCertificate('clients of ours')
const stranger = makeCertificate('clients of somebody')
const shop = makeCertificate('shop', { by: authority, san: 'DNS:Shop.internal,URI:spiffe://example.com/shop' })
const several = makeCertificate('two', { by: authority, san: 'DNS:shop.internal,DNS:depot.internal' })
const unknown = makeCertificate('unknown', { by: authority })
const impostor = makeCertificate('shop', { by: stranger, san: 'DNS:shop.internal' })
const fingerprint = new X509Certificate(shop.cert).fingerprint256
const files = {
  'server.crt': server.cert,
  'server.key': server.key,
  'ca.crt': authority.cert,
  'both.crt': authority.cert + stranger.cert,
}

const yaml = (upstream: string, { names = '"dns:shop.internal"', chain = '[mtls]', ca = 'ca.crt', rest = '' } = {}) => `
listen: [{ url: "https://127.0.0.1:0", certificates: [{ cert: server.crt, key: server.key }], clientCa: ${ca} }]
consumers:
  shop: { groups: [partner], certificates: [${names}] }
  depot: { certificates: ["dns:depot.internal"] }
routes:
  a: { match: /a, upstream: "${upstream}", plugins: ${chain}${rest} }
  open: { match: /open, upstream: "${upstream}", public: "test" }
`

async function dial(port: number, pair?: Pair, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...pair, ...options })
  await once(socket, 'secureConnect')
  return socket
}

async function ask(socket: TLSSocket, path = '/a', headers = ''): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
  let answer = ''
  while (!/\r\n\r\n[\s\S]*\}\n?$/.test(answer)) answer += String((await once(socket, 'data'))[0])
  return answer
}

const status = (answer: string) => Number(answer.slice(9, 12))

describe('mtls', () => {
  test.for([
    ['its DNS name', '"dns:SHOP.internal"'],
    ['its URI', '"uri:spiffe://example.com/shop"'],
    ['its common name', '"cn:shop"'],
    ['its fingerprint', `"sha256:${fingerprint}"`],
  ] as const)('knows a consumer by %s, and tells the upstream', async ([, names]) => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(yaml(origin.url, { names }), { files })
    const socket = await dial(gateway.port, shop)

    expect(status(await ask(socket, '/a', 'X-Consumer: admin\r\n'))).toBe(200)
    expect(origin.requests[0]!.headers).toMatchObject({
      'x-consumer': 'shop',
      'x-consumer-source': 'mtls',
      'x-consumer-groups': 'partner',
    })
    socket.destroy()
  })

  test.for([
    ['no certificate', undefined, 'credentials-missing'],
    ['one that somebody else signed', impostor, 'credentials-invalid'],
    ['one that signed itself', stranger, 'credentials-invalid'],
    ['one that no consumer has', unknown, 'credentials-invalid'],
    ['one of two consumers', several, 'credentials-invalid'],
  ] as const)('refuses %s, and the upstream sees nothing', async ([, pair, code]) => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(yaml(origin.url), { files })
    const socket = await dial(gateway.port, pair)

    const answer = await ask(socket)

    expect(status(answer)).toBe(401)
    expect(answer).toContain(`"code":"${code}"`)
    expect(answer).toMatch(/^www-authenticate: ClientCertificate\r$/im)
    expect(origin.requests).toEqual([])
    // A public route of the same listener asks for none of this.
    expect(status(await ask(socket, '/open'))).toBe(200)
    socket.destroy()
  })

  test.for(['TLSv1.2', 'TLSv1.3'] as const)('knows a client again that takes its session up, %s', async (version) => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(yaml(origin.url), { files })
    const options = { minVersion: version, maxVersion: version } as const
    const begun = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false, ...shop, ...options })
    const session = once(begun, 'session')
    await once(begun, 'secureConnect')
    expect(status(await ask(begun))).toBe(200)
    const [ticket] = await session
    begun.destroy()

    const resumed = await dial(gateway.port, undefined, { ...options, session: ticket })

    expect(resumed.isSessionReused()).toBe(true)
    expect(status(await ask(resumed))).toBe(200)
    expect(origin.requests[1]!.headers['x-consumer']).toBe('shop')
    resumed.destroy()
  })

  test('takes no session up that other authorities let in', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(yaml(origin.url, { ca: 'both.crt' }), { files })
    const begun = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false, ...impostor })
    const session = once(begun, 'session')
    expect(status(await ask(begun))).toBe(200)
    const [ticket] = await session
    begun.destroy()

    await gateway.reload(yaml(origin.url, { ca: 'ca.crt' }))
    const again = await dial(gateway.port, impostor, { session: ticket })

    expect(again.isSessionReused()).toBe(false)
    expect(status(await ask(again))).toBe(401)
    again.destroy()
  })

  test('begins to ask for certificates with a reload that names a `clientCa`', async () => {
    await using origin = await startOrigin()
    const without = yaml(origin.url, { chain: '[]', rest: ', public: "test"' }).replace(', clientCa: ca.crt', '')
    await using gateway = await startGateway(without, { files })

    await gateway.reload(yaml(origin.url))
    const socket = await dial(gateway.port, shop)

    expect(status(await ask(socket))).toBe(200)
    socket.destroy()
  })

  test('is one of several proofs in `any`', async () => {
    await using origin = await startOrigin()
    const config = yaml(origin.url, { chain: '[{ any: [api-key, mtls] }]' })
    await using gateway = await startGateway(config, { files })

    expect(status(await ask(await dial(gateway.port, shop)))).toBe(200)
    const refused = await ask(await dial(gateway.port))
    expect(status(refused)).toBe(401)
    expect(refused).toMatch(/www-authenticate: ClientCertificate/i)
  })
})
