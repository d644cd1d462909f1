/** Scenarios that hang on a connection, and on what was answered before. */
import type { Hashes, Scenario } from './agreement-configs.ts'

/** Some partners show certificates, some send keys. */
export function certifiedScenario(hashes: Hashes): Scenario {
  return {
    name: 'partners with certificates',
    requests: 60,
    hosts: ['partners.example.com', 'other.example.com'],
    paths: ['/orders', '/orders/7', '/either/7', '/office', '/open/x', '/known', '/nothing'],
    methods: ['GET', 'POST', 'HEAD', 'OPTIONS'],
    headers: [
      ['x-consumer', 'depot'],
      ['origin', 'https://partners.example.com'],
      ['x-client-cert', 'forged'],
    ],
    certificates: ['depot', 'shop'],
    config: `
listen: [{ url: "https://127.0.0.1:0", certificates: [{ cert: server.crt, key: server.key }], clientCa: ca.crt }]
consumers:
  app: { groups: [mobile], keys: ["sha256:${hashes.app}"] }
  partner: { groups: [partner], keys: ["sha256:${hashes.partner}"] }
  depot: { groups: [partner], certificates: ["cn:depot"] }
  shop: { groups: [mobile], certificates: ["cn:shop"] }
plugins: [access-log: { to: access.log }]
routes:
  orders: { match: "partners.example.com/orders/*", upstream: ORIGIN/orders, plugins: [mtls, rate-limit: { max: 6, window: 1h }] }
  either: { match: "GET,POST /either/*", upstream: ORIGIN, plugins: [{ any: [api-key, mtls] }, acl: { groups: [partner] }] }
  office: { match: "/office", upstream: ORIGIN, plugins: [mtls, acl: { consumers: [depot] }] }
  open: { match: "/open/*", upstream: ORIGIN/open, public: shows who came, plugins: [cors: { origins: ["https://partners.example.com"] }, mtls: { optional: true }] }
  known: { match: "/known", respond: { status: 200, body: hi }, public: being tried, plugins: [mtls: { mode: observe }] }
`,
  }
}

/** What the cache has, and what the limit above it has counted. Origins let `/kept` be kept, and nothing else. */
export function keptScenario(hashes: Hashes): Scenario {
  return {
    name: 'a catalogue that is kept',
    requests: 120,
    hosts: ['shop.example.com', 'SHOP.example.com'],
    paths: ['/kept/1', '/kept/1/', '/kept/2', '/kept/lang', '/kept/old', '/own/kept/1', '/drop/1', '/limited/kept/1'],
    methods: ['GET', 'GET', 'GET', 'HEAD', 'HEAD', 'POST', 'OPTIONS'],
    headers: [
      ['accept-language', 'de'],
      ['accept-language', 'en'],
      ['cache-control', 'no-cache'],
      ['cache-control', 'only-if-cached'],
      ['cache-control', 'max-stale'],
      ['if-none-match', '"v1"'],
      ['range', 'bytes=0-0'],
      ['cookie', 'a=1'],
      ['x-filler', '1'],
      ['x-filler', '2'],
    ],
    remembers: true,
    config: `
consumers:
  app: { keys: ["sha256:${hashes.app}"] }
  partner: { keys: ["sha256:${hashes.partner}"] }
plugins: [access-log: { to: access.log }]
routes:
  kept: { match: "/kept/*", upstream: ORIGIN/kept, public: the catalogue, plugins: [api-key: { optional: true }, cache: { shared: true }, headers: { response: { set: { x-from: catalogue } } }] }
  own: { match: "GET,POST /own/*", upstream: ORIGIN, plugins: [{ any: [api-key] }, cache, rate-limit: { max: 4, window: 1h }], rewrite: "/*" }
  drop: { match: "/drop/*", upstream: ORIGIN/drop, public: t, plugins: [cache] }
  limited: { match: "GET shop.example.com/limited/*", upstream: ORIGIN, rewrite: "/*", public: t, plugins: [rate-limit: { max: 9, window: 1h, by: ip }, cache: { ttl: 1h }] }
`,
  }
}
