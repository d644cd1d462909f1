/** Whose hits count together, for every `by`; and that no client can name itself into another's count. */
import { expect, test } from 'vitest'
import type { Consumer } from '../../src/exchange/consumer.ts'
import { keyReader, network, readsSecret, shownKey } from '../../src/exchange/counting-key.ts'
import { Exchange } from '../../src/exchange/exchange.ts'

interface Request {
  readonly address?: string
  readonly headers?: readonly string[]
  readonly consumer?: Partial<Consumer>
  readonly route?: string
}

function keyOf(by: string, { address = '192.0.2.1', headers = [], consumer, route }: Request): string {
  const exchange = new Exchange({
    listener: { name: 'listen[0]', protocol: 'http' },
    method: 'GET',
    rawHeaders: headers,
    authority: 'a',
    host: 'a',
    path: '/',
    query: '',
    scheme: 'http',
    clientAddress: address,
    peerAddress: address,
    trusted: false,
    id: '1',
    body: { kind: 'none' },
    expectsContinue: false,
    upgrade: false,
  })
  if (consumer !== undefined)
    exchange.consumer = { source: 'jwt', name: null, id: null, groups: [], scopes: [], claims: {}, ...consumer }
  if (route !== undefined) exchange.route = { name: route, upstream: null }
  return keyReader(by)(exchange)
}

test.for<[address: string, network: string]>([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['', ''],
])('counts %s as %s', ([address, expected]) => {
  expect(network(address)).toBe(expected)
})

test.for<[by: string, request: Request, key: string]>([
  ['ip', {}, '@192.0.2.1'],
  ['ip', { consumer: { id: 'key:shop' } }, '@192.0.2.1'],
  ['consumer', { consumer: { id: 'key:shop' } }, '=key:shop'],
  ['consumer', { consumer: { id: null } }, '@192.0.2.1'],
  ['consumer', {}, '@192.0.2.1'],
  ['route', { route: 'orders' }, '=orders'],
  ['route', {}, '=_none'],
  ['header:X-Tenant', { headers: ['x-tenant', 'a'] }, '=a'],
  ['header:x-tenant', { headers: ['X-Tenant', 'a', 'X-TENANT', 'b'] }, '=a, b'],
  ['header:x-tenant', { headers: ['x-tenant', ''] }, '='],
  ['header:x-tenant', { headers: ['x_tenant', 'a'] }, '@192.0.2.1'],
  ['claim:tenant', { consumer: { claims: { iss: 'i', tenant: 'a' } } }, '=["i","a"]'],
  ['claim:tenant', { consumer: { claims: { iss: 'i', tenant: 42 } } }, '=["i",42]'],
  ['claim:tenant', { consumer: { claims: { iss: 'i', tenant: ['a'] } } }, '@192.0.2.1'],
  ['claim:tenant', { consumer: { claims: { iss: 'i' } } }, '@192.0.2.1'],
  ['claim:constructor', { consumer: { claims: {} } }, '@192.0.2.1'],
  ['claim:tenant', {}, '@192.0.2.1'],
])('by %s, %o counts under %s', ([by, request, key]) => {
  expect(keyOf(by, request)).toBe(key)
})

test('gives a client that names itself like an address a count of its own', () => {
  expect(keyOf('header:x-tenant', { headers: ['x-tenant', '@192.0.2.9'] })).not.toBe(
    keyOf('header:x-tenant', { address: '192.0.2.9' }),
  )
})

test('bounds the length of a key and keeps long ones apart', () => {
  const long = 'x'.repeat(16_000)
  const one = keyOf('header:x-tenant', { headers: ['x-tenant', `${long}1`] })
  const other = keyOf('header:x-tenant', { headers: ['x-tenant', `${long}2`] })

  expect(one.length).toBeLessThan(64)
  expect(one).not.toBe(other)
  expect(keyOf('header:x-tenant', { headers: ['x-tenant', one] })).not.toBe(one)
})

test.for<[by: string, key: string, shown: string]>([
  ['header:x-tenant', '=acme', '=acme'],
  ['header:Authorization', '=Bearer abc', '(secret)'],
  ['header:cookie', '=a=b', '(secret)'],
  ['header:x-key', '=abc', '(secret)'],
  ['header:X-Key', '#hashed', '(secret)'],
  ['header:x-key', '@192.0.2.1', '@192.0.2.1'],
  ['consumer', '=key:shop', '=key:shop'],
])('by %s, shows the key %s as %s', ([by, key, shown]) => {
  expect(shownKey(key, readsSecret(by, ['header:x-key']))).toBe(shown)
})
