/** Which addresses may pass, over real sockets. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'

const config = (upstream: string, options: string) => `
routes:
  orders: { match: /orders, upstream: "${upstream}", public: "by address", plugins: [{ ip-filter: ${options} }] }
`

const cases = [
  ['{ allow: [10.0.0.0/8] }', '10.255.0.1', 200],
  ['{ allow: [10.0.0.0/8] }', '11.0.0.1', 403],
  ['{ allow: [10.0.0.7] }', '10.0.0.7', 200],
  ['{ allow: [10.0.0.7] }', '10.0.0.8', 403],
  ['{ allow: [0.0.0.0/0] }', '203.0.113.9', 200],
  ['{ allow: [0.0.0.0/0] }', '2001:db8::1', 403],
  ['{ allow: ["::/0"] }', '2001:db8::1', 200],
  ['{ allow: ["::/0"] }', '203.0.113.9', 403],
  ['{ allow: ["::/0"] }', '::ffff:203.0.113.9', 403],
  ['{ allow: ["2001:db8::/32"] }', '2001:DB8:0:0::1', 200],
  ['{ allow: ["2001:db8::/32"] }', '2001:db9::1', 403],
  ['{ deny: [10.0.0.0/8] }', '10.0.0.1', 403],
  ['{ deny: [10.0.0.0/8] }', '192.0.2.1', 200],
  ['{ deny: [10.0.0.0/8] }', '2001:db8::1', 200],
  ['{ allow: [10.0.0.0/8], deny: [10.1.0.0/16] }', '10.1.2.3', 403],
  ['{ allow: [10.1.0.0/16], deny: [10.0.0.0/8] }', '10.1.2.3', 403],
  ['{ allow: [10.0.0.0/8], deny: [10.1.0.0/16] }', '10.2.2.3', 200],
  // IPv4 written as IPv6, in each of its spellings, on either side.
  ['{ deny: [10.0.0.0/8] }', '::ffff:10.0.0.1', 403],
  ['{ deny: [10.0.0.0/8] }', '::FFFF:0a00:0001', 403],
  ['{ deny: [10.0.0.0/8] }', '0:0:0:0:0:ffff:0a00:0001', 403],
  ['{ deny: [10.0.0.0/8] }', '0000:0000:0000:0000:0000:ffff:10.0.0.1', 403],
  ['{ allow: ["::ffff:10.0.0.0/104"] }', '10.9.9.9', 200],
  ['{ allow: ["::ffff:10.0.0.0/104"] }', '11.9.9.9', 403],
  ['{ deny: ["::1"] }', '::1', 403],
  ['{ deny: ["::1"] }', '0:0:0:0:0:0:0:1', 403],
] as const

describe('ip-filter', () => {
  // One gateway for the whole table, a route per row.
  let origin: Origin
  let gateway: TestGateway
  beforeAll(async () => {
    origin = await startOrigin()
    const route = (options: string, row: number) =>
      `  row-${row}: { match: /${row}, upstream: "${origin.url}", public: "by address", plugins: [{ ip-filter: ${options} }] }`
    const routes = cases.map(([options], row) => route(options, row))
    gateway = await startGateway(['trustedProxies: [127.0.0.1]', 'routes:', ...routes, ''].join('\n'))
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await origin[Symbol.asyncDispose]()
  })

  test.for(cases.map((row, index) => [...row, index] as const))('%s answers %s %d', async (row) => {
    const [, address, status, index] = row

    const response = await gateway.fetch(`/${index}`, { headers: { 'x-forwarded-for': address } })

    expect(response.status).toBe(status)
    expect(origin.requests.some(({ url }) => url === `/${index}`)).toBe(status === 200)
  })

  test('does not believe what a client says about its address', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(config(origin.url, '{ allow: [10.0.0.0/8] }'))

    for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'true-client-ip', 'x-client-ip']) {
      const value = header === 'forwarded' ? 'for=10.0.0.1' : '10.0.0.1'
      expect((await gateway.fetch('/orders', { headers: { [header]: value } })).status).toBe(403)
    }
    expect(origin.requests).toEqual([])
  })

  test('refuses with a problem that says nothing about the lists', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(config(origin.url, '{ deny: [127.0.0.0/8] }'))

    const response = await gateway.fetch('/orders')

    expect(await response.json()).toMatchObject({
      code: 'forbidden',
      detail: 'Requests from this address are not accepted.',
    })
  })

  test('only counts in observe mode', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(config(origin.url, '{ deny: [127.0.0.0/8], mode: observe }'))

    expect((await gateway.fetch('/orders')).status).toBe(200)
    expect(await gateway.metrics()).toMatch(
      /^sluice_rejections_total\{route="orders",plugin="ip-filter",reason="forbidden",mode="observe"\} 1$/m,
    )
  })

  test.for([
    '{ allow: [10.0.0.0/33] }',
    '{ allow: [10.0.0] }',
    '{ allow: ["0x7f000001"] }',
    '{ allow: [010.0.0.1] }',
    '{ allow: ["2001:db8::/129"] }',
    '{ allow: ["::ffff:0.0.0.0/90"] }',
    '{ allow: [example.com] }',
    '{ allow: [] }',
    '{}',
  ])('does not load with %s', async (options) => {
    await using origin = await startOrigin()

    await expect(startGateway(config(origin.url, options))).rejects.toThrow()
  })
})
