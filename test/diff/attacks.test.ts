import { describe, expect, test } from 'vitest'
import { weakenedBetween } from './weakened.ts'

const hash = (letter: string) => `sha256:${letter.repeat(64)}`
const jwt = (more = '') =>
  `jwt: { issuer: "https://id.example.com", audience: [shop], secret: "a-shared-secret-of-at-least-32-bytes"${more} }`
const routes = (lines: string) => `
consumers:
  app: { groups: [mobile], keys: ["${hash('a')}"] }
  partner: { groups: [partner], keys: ["${hash('b')}"] }
upstreams: { up: { targets: ["https://10.0.0.1"] }, other: "http://10.0.0.2" }
routes:
${lines}
`
const route = (plugins: string, more = '') => routes(`  a: { match: /a/*, upstream: up${more}, plugins: [${plugins}] }`)
const two = (a: string, b: string) => routes(`  a: { ${a} }\n  b: { ${b} }`)
const change = (from: string, to: string, text: string) => {
  expect(text).toContain(from)
  return text.replace(from, to)
}

/** What lets somebody in, or lets more through: each with the direction it is told in. The way back weakens nothing. */
describe('is told as weaker, and its way back as nothing of the kind:', () => {
  test.for<[string, string, string, string]>([
    [
      'an authenticator that only observes',
      route('api-key'),
      route('api-key: { mode: observe }', ', public: t'),
      'weaker-auth',
    ],
    [
      'an authenticator that is optional',
      route('api-key'),
      route('api-key: { optional: true }', ', public: t'),
      'weaker-auth',
    ],
    ['one more way in', route('any: [api-key]'), route(`any: [api-key, ${jwt()}]`), 'weaker-auth'],
    [
      'an optional `any`',
      route('any: [api-key]'),
      route('any: { of: [api-key], optional: true }', ', public: t'),
      'weaker-auth',
    ],
    ['no audience', route(jwt()), route(jwt().replace(' audience: [shop],', '')), 'weaker-auth'],
    ['claims that are gone', route(jwt(', claims: { scope: [read, write] }')), route(jwt()), 'weaker-auth'],
    [
      'a claim that is gone',
      route(jwt(', claims: { scope: [a], tenant: [b] }')),
      route(jwt(', claims: { scope: [a] }')),
      'weaker-auth',
    ],
    [
      'one more value of a claim',
      route(jwt(', claims: { tenant: [b] }')),
      route(jwt(', claims: { tenant: [b, c] }')),
      'weaker-auth',
    ],
    [
      'wider groups',
      route('api-key, acl: { groups: [partner] }'),
      route('api-key, acl: { groups: [partner, mobile] }'),
      'weaker-auth',
    ],
    [
      'one more consumer',
      route('api-key, acl: { consumers: [app] }'),
      route('api-key, acl: { consumers: [app, partner] }'),
      'weaker-auth',
    ],
    [
      'a wider range',
      route('api-key, ip-filter: { allow: [10.1.0.0/16] }'),
      route('api-key, ip-filter: { allow: [10.0.0.0/8] }'),
      'weaker-auth',
    ],
    [
      'a narrower denial',
      route('api-key, ip-filter: { deny: [10.0.0.0/8] }'),
      route('api-key, ip-filter: { deny: [10.1.0.0/16] }'),
      'weaker-auth',
    ],
    [
      'a limit by something else',
      route('api-key, rate-limit: { max: 5, window: 1m, by: route }'),
      route('api-key, rate-limit: { max: 5, window: 1m, by: ip }'),
      'weaker-limits',
    ],
    [
      'a limit by what clients may choose',
      route('api-key, rate-limit: { max: 5, window: 1m, by: consumer }'),
      route('api-key, rate-limit: { max: 5, window: 1m, by: "header:x-id" }'),
      'weaker-limits',
    ],
    [
      'a limit that only observes',
      route('api-key, rate-limit: { max: 5, window: 1m }'),
      route('api-key, rate-limit: { max: 5, window: 1m, mode: observe }'),
      'weaker-limits',
    ],
    [
      'a limit in a counter of its own',
      route('api-key, rate-limit: { max: 5, window: 1m, counter: all }'),
      route('api-key, rate-limit: { max: 5, window: 1m }'),
      'weaker-limits',
    ],
    [
      'a public route in front of one that asks',
      two('match: /a/*, upstream: up, plugins: [api-key]', 'match: /b/*, upstream: up, public: t'),
      two('match: /a/*, upstream: up, plugins: [api-key]', 'match: { paths: [/b/*, /a/b/*] }, upstream: up, public: t'),
      'weaker-auth',
    ],
    [
      'a public route that takes the place of a parameter',
      two('match: "/a/{id}", upstream: up, plugins: [api-key]', 'match: /b, upstream: up, public: t'),
      two(
        'match: "/a/{id}", upstream: up, plugins: [api-key]',
        'match: { paths: [/b, /a/me] }, upstream: up, public: t',
      ),
      'weaker-auth',
    ],
    [
      'a method that a public route takes over',
      two(
        'match: { paths: [/a], methods: [GET, POST] }, upstream: up, plugins: [api-key]',
        'match: /b, upstream: up, public: t',
      ),
      two(
        'match: GET /a, upstream: up, plugins: [api-key]',
        'match: { paths: [/a, /b], methods: [POST] }, upstream: up, public: t',
      ),
      'weaker-auth',
    ],
    [
      'paths that may be read otherwise',
      two('match: /a/*, upstream: up, public: t', 'match: /a/b, upstream: up, plugins: [api-key]'),
      two('match: /a/*, upstream: up, public: t, aliasing: allow', 'match: /a/b, upstream: up, plugins: [api-key]'),
      'weaker-auth',
    ],
    [
      'answers that consumers share',
      route('api-key, cache: { ttl: 1m }'),
      route('api-key, cache: { ttl: 1m, shared: true }'),
      'weaker-auth',
    ],
    [
      'an upstream that is not verified',
      route('api-key'),
      change(
        'targets: ["https://10.0.0.1"]',
        'targets: ["https://10.0.0.1"], tls: { verify: false }',
        route('api-key'),
      ),
      'weaker-auth',
    ],
    [
      'one more group of a consumer',
      route('api-key, acl: { groups: [partner] }'),
      change('groups: [mobile]', 'groups: [mobile, partner]', route('api-key, acl: { groups: [partner] }')),
      'weaker-auth',
    ],
    [
      'one more key of a consumer',
      route('api-key'),
      change(`"${hash('a')}"`, `"${hash('a')}", "${hash('c')}"`, route('api-key')),
      'weaker-auth',
    ],
    [
      'a token that counts as a consumer',
      route(`any: [api-key, ${jwt()}]`),
      change(
        'groups: [mobile]',
        'groups: [mobile], jwt: { issuer: "https://id.example.com", sub: x }',
        route(`any: [api-key, ${jwt()}]`),
      ),
      'weaker-auth',
    ],
    [
      'a global guard that a route leaves',
      `chains: { signed-in: [api-key] }\nplugins: [signed-in]\n${routes('  a: { match: /a, upstream: up }')}`,
      `chains: { signed-in: [api-key] }\nplugins: [signed-in]\n${routes('  a: { match: /a, upstream: up, without: [signed-in], public: t }')}`,
      'weaker-auth',
    ],
    [
      'trust in more proxies',
      `trustedProxies: [10.1.0.0/16]\n${route('api-key')}`,
      `trustedProxies: [10.0.0.0/8]\n${route('api-key')}`,
      'weaker-auth',
    ],
    [
      'metrics for anybody',
      `admin: { url: "http://127.0.0.1:9090", token: "0123456789abcdef" }\n${route('api-key')}`,
      `admin: { url: "http://127.0.0.1:9090", token: "0123456789abcdef", metrics: open }\n${route('api-key')}`,
      'weaker-auth',
    ],
    [
      'an admin listener without a token',
      `admin: { url: "http://127.0.0.1:9090", token: "0123456789abcdef" }\n${route('api-key')}`,
      `admin: { url: "http://127.0.0.1:9090" }\n${route('api-key')}`,
      'weaker-auth',
    ],
    [
      'a key whose life is longer',
      change(`"${hash('a')}"`, `{ hash: "${hash('a')}", id: k, expires: 2990-01-01 }`, route('api-key')),
      change(`"${hash('a')}"`, `{ hash: "${hash('a')}", id: k, expires: 2991-01-01 }`, route('api-key')),
      'weaker-auth',
    ],
    ['another issuer', route(jwt()), route(jwt().replace('id.example', 'login.example')), 'weaker-auth'],
    [
      'the chain of a route that anybody with a key passes',
      `chains: { staff: [api-key, acl: { groups: [partner] }], all: [api-key] }\n${routes('  a: { match: /a, upstream: up, plugins: [staff] }\n  b: { match: /b, upstream: up, plugins: [all] }')}`,
      `chains: { staff: [api-key, acl: { groups: [partner] }], all: [api-key] }\n${routes('  a: { match: /a, upstream: up, plugins: [all] }\n  b: { match: /b, upstream: up, plugins: [staff] }')}`,
      'weaker-auth',
    ],
  ])('%s', async ([what, before, after, expected]) => {
    expect(await weakenedBetween(before, after)).toContain(expected)
    const symmetric = what.startsWith('another ') || what.startsWith('the chain ')
    if (!symmetric) expect(await weakenedBetween(after, before)).toEqual([])
  })
})

describe('is no weakening:', () => {
  test.for<[string, string, string]>([
    ['encoded slashes that are kept', route('api-key'), route('api-key', ', encodedSlash: keep')],
    [
      'one more consumer that signs in',
      change(`  partner: { groups: [partner], keys: ["${hash('b')}"] }\n`, '', route('api-key')),
      route('api-key'),
    ],
    ['a key in place of another', route('api-key'), route('api-key').replace(hash('a'), hash('c'))],
    [
      'answers that all may have anyway',
      routes('  a: { match: /a, upstream: up, public: t, plugins: [cache: { ttl: 1m }] }'),
      routes('  a: { match: /a, upstream: up, public: t, plugins: [cache: { ttl: 1m, shared: true }] }'),
    ],
    [
      'a public route beside one that asks',
      two('match: /a/*, upstream: up, plugins: [api-key]', 'match: /b/*, upstream: up, public: t'),
      two('match: /a/*, upstream: up, plugins: [api-key]', 'match: { paths: [/b/*, /c/*] }, upstream: up, public: t'),
    ],
    [
      'another name of a route',
      route('api-key, rate-limit: { max: 5, window: 1m }'),
      change('  a: {', '  z: {', route('api-key, rate-limit: { max: 5, window: 1m }')),
    ],
    [
      'another order of routes',
      two('match: /a, upstream: up, plugins: [api-key]', 'match: /b, upstream: up, public: t'),
      routes('  b: { match: /b, upstream: up, public: t }\n  a: { match: /a, upstream: up, plugins: [api-key] }'),
    ],
    ['another order of values', route('api-key, acl: { groups: [a, b] }'), route('api-key, acl: { groups: [b, a] }')],
    [
      'the same plugins in a chain with a name',
      route('api-key, acl: { groups: [partner] }'),
      `chains: { staff: [api-key, acl: { groups: [partner] }] }\n${route('staff')}`,
    ],
    [
      'another name of a chain',
      `chains: { staff: [api-key, rate-limit: { max: 5, window: 1m }] }\n${route('staff')}`,
      `chains: { crew: [api-key, rate-limit: { max: 5, window: 1m }] }\n${route('crew')}`,
    ],
    ['another upstream', route('api-key'), route('api-key').replace('upstream: up', 'upstream: other')],
    [
      'the same window in another unit',
      route('api-key, rate-limit: { max: 5, window: 1m }'),
      route('api-key, rate-limit: { max: 5, window: 60s }'),
    ],
    ['a default that is written down', route('api-key'), route('api-key: { header: x-api-key, forward: false }')],
    [
      'the same range, written otherwise',
      route('api-key, ip-filter: { allow: [10.0.0.1] }'),
      route('api-key, ip-filter: { allow: [10.0.0.1/32] }'),
    ],
    [
      'a consumer that has no way to sign in',
      route('api-key'),
      change('upstreams:', '  nobody: { groups: [partner] }\nupstreams:', route('api-key')),
    ],
    [
      'a limit by consumer that says so',
      route('api-key, rate-limit: { max: 5, window: 1m }'),
      route('api-key, rate-limit: { max: 5, window: 1m, by: consumer }'),
    ],
  ])('%s', async ([, before, after]) => {
    expect(await weakenedBetween(before, after)).toEqual([])
  })
})
