/** Gateways as they are found in the field, with the parts of requests that matter to each. `ORIGIN` stands for an upstream's address. */
import { certifiedScenario, keptScenario } from './agreement-live-configs.ts'

export interface Scenario {
  readonly name: string
  /** How many requests are made. Fewer where few kinds of them differ. */
  readonly requests: number
  readonly config: string
  readonly hosts: readonly string[]
  readonly paths: readonly string[]
  readonly methods: readonly string[]
  /** Headers that requests may have, beside the credentials that all scenarios share. */
  readonly headers: readonly (readonly [string, string])[]
  /** Consumers whose certificate a client may show; the listener is HTTPS then. */
  readonly certificates?: readonly string[]
  /** What becomes of a request hangs on what origins answered before: only the gateway that serves can say it. */
  readonly remembers?: true
}

export const SECRET = 'a-shared-secret-of-at-least-32-bytes'
export const ISSUER = 'https://id.example.com'

/** SHA-256 of "app-key" and of "partner-key". */
const consumers = (hashes: Hashes) => `
consumers:
  app: { groups: [mobile], keys: ["sha256:${hashes.app}"] }
  partner: { groups: [partner, trusted], keys: ["sha256:${hashes.partner}"] }
  worker: { groups: [internal], jwt: { issuer: ${ISSUER}, sub: "42" } }
`

const signedIn = `jwt: { issuer: ${ISSUER}, audience: api, secret: ${SECRET}, clockTolerance: 1s`

/** Of the keys that requests have. */
export interface Hashes {
  readonly app: string
  readonly partner: string
}

export function scenarios(hashes: Hashes): readonly Scenario[] {
  return [
    certifiedScenario(hashes),
    keptScenario(hashes),
    {
      name: 'a public shop API',
      requests: 200,
      hosts: ['shop.example.com', 'SHOP.example.com.', 'shop.example.com:8443', 'other.example.com'],
      paths: [
        '/products',
        '/products/',
        '/products/42',
        '/products/42/reviews',
        '/cart/items',
        '/orders',
        '/orders/7',
        '/health',
        '/old-shop/a',
        '/static/a%2Fb',
        '/',
      ],
      methods: ['GET', 'POST', 'HEAD', 'DELETE', 'OPTIONS'],
      headers: [
        ['origin', 'https://www.example.com'],
        ['access-control-request-method', 'POST'],
        ['cookie', 'session=1'],
        ['x-internal', '1'],
      ],
      config: `${consumers(hashes)}
plugins: [access-log: { to: access.log }, metrics]
upstreams:
  catalogue: [ORIGIN/catalogue]
  orders: [ORIGIN/orders-a, ORIGIN/orders-b]
routes:
  products:
    match: GET shop.example.com/products/*
    upstream: catalogue
    public: the price list
    plugins:
      - cors: { origins: ["https://www.example.com"], maxAge: 1m }
      - rate-limit: { max: 12, window: 1h, by: ip }
      - headers: { request: { remove: [x-internal], set: { x-shop: "1" } }, response: { remove: [server], set: { x-frame-options: DENY } } }
  cart:
    match: shop.example.com/cart/*
    upstream: ORIGIN/cart
    plugins:
      - cors: { origins: ["https://*.example.com"], credentials: true }
      - api-key: { optional: true }
      - body-limit: { max: 1KB }
    public: a cart needs no account
  orders:
    match: GET,POST shop.example.com/orders/*
    upstream: orders
    rewrite: /v2/orders/*
    plugins: [api-key, rate-limit: { max: 5, window: 1h }, body-limit: { max: 100B }]
  health: { match: /health, respond: { status: 200, body: { ok: true } }, public: for the load balancer }
  moved: { match: shop.example.com/old-shop/*, redirect: { location: https://shop.example.com/, status: 301 }, public: moved }
  files: { match: "GET shop.example.com/static/*", upstream: catalogue, encodedSlash: keep, public: pictures }
`,
    },
    {
      name: 'a multi-tenant SaaS',
      requests: 200,
      hosts: ['acme.app.example.com', 'duff.app.example.com', 'admin.app.example.com', 'app.example.com'],
      paths: [
        '/api/v1/users',
        '/api/v1/users/9',
        '/api/v1/admin/keys',
        '/API/v1/admin/keys',
        '/api/v1/%61dmin/keys',
        '/hooks/in',
        '/',
      ],
      methods: ['GET', 'PUT', 'POST', 'PATCH'],
      headers: [
        ['x-tenant', 'acme'],
        ['x-tier', 'gold'],
        ['x-consumer', 'root'],
        ['x-user-id', 'root'],
      ],
      config: `${consumers(hashes)}
trustedProxies: [127.0.0.0/8]
plugins: [access-log: { to: access.log }]
chains:
  signed-in:
    - ${signedIn}, forwardClaims: { sub: x-user-id, tenant: x-tenant } }
upstreams:
  api: { targets: [{ url: ORIGIN/api-a, weight: 3 }, { url: ORIGIN/api-b }], balance: { hash: header:x-tenant } }
routes:
  users:
    match: "*.app.example.com/api/v1/*"
    upstream: api
    rewrite: /tenants/*
    plugins: [signed-in, rate-limit: { max: 4, window: 1h, by: "claim:tenant" }]
  admin:
    match: "*.app.example.com/api/v1/admin/*"
    upstream: api
    plugins: [signed-in, acl: { groups: [internal] }, ip-filter: { deny: [198.51.100.0/24] }]
  gold:
    match: { hosts: ["*.app.example.com"], paths: ["/api/v1/users/{id}"], methods: [GET], headers: { x-tier: gold } }
    upstream: ORIGIN/gold
    rewrite: /gold/{id}?tier=gold
    plugins: [signed-in]
  hooks:
    match: POST app.example.com/hooks/*
    upstream: ORIGIN/hooks
    plugins: [any: [api-key: { query: key }, { ${signedIn} } }]]
`,
    },
    {
      name: 'internal and partner split by host',
      requests: 200,
      hosts: ['internal.example.com', 'partner.example.com', '10.1.1.1', '[::1]:9000', 'unknown.example.com'],
      paths: [
        '/reports',
        '/reports/2026',
        '/reports//2026',
        '/reports/../secret',
        '/files/a;b',
        '/files/%2e%2e/secret',
        '/secret',
        '/status',
      ],
      methods: ['GET', 'POST', 'PURGE', 'TRACE'],
      headers: [
        ['x-forwarded-for', '10.9.9.9'],
        ['x-forwarded-for', '198.51.100.9, 10.0.0.1'],
        ['x-forwarded-host', 'evil.example.com'],
        ['connection', 'x-forwarded-for'],
        ['via', '1.1 edge-7'],
      ],
      config: `name: edge-7
${consumers(hashes)}
trustedProxies: { from: [127.0.0.0/8, 10.0.0.0/8], header: x-forwarded-for }
plugins: [access-log: { to: access.log }]
upstreams: { reports: [ORIGIN/reports], files: [ORIGIN/files] }
routes:
  internal:
    match: internal.example.com/*
    upstream: reports
    host: target
    plugins: [ip-filter: { allow: [10.0.0.0/8] }, any: { of: [api-key], optional: true }, acl: { groups: [internal, partner], mode: observe }]
    public: the office only
  secret: { match: /secret, upstream: files, plugins: [api-key, acl: { groups: [partner] }] }
  partner:
    match: GET,POST partner.example.com/reports/*
    upstream: reports
    host: reports.internal
    plugins: [api-key, acl: { consumers: [partner] }, headers: { request: { add: { x-partner: "yes" } } }]
  files: { match: partner.example.com/files/*, upstream: files, slashes: keep, plugins: [api-key] }
  status: { match: GET /status, respond: { status: 503, headers: { retry-after: "5" }, body: closed }, public: shows state }
`,
    },
    {
      name: 'a migration with a traffic split',
      requests: 200,
      hosts: ['api.example.com'],
      paths: ['/v1/items', '/v1/items/5', '/v1/items/5/parts', '/v2/items/5', '/v1', '/v1/', '/v3/x'],
      methods: ['GET', 'POST', 'DELETE'],
      headers: [
        ['x-beta', 'on'],
        ['cookie', 'session=abc'],
        ['cookie', 'session=def; other=1'],
      ],
      config: `${consumers(hashes)}
plugins: [access-log: { to: access.log }, api-key]
upstreams: { old: [ORIGIN/old], new: [ORIGIN/new] }
routes:
  items:
    match: /v1/items/*
    upstream: [{ upstream: old, weight: 50 }, { upstream: new, weight: 50 }]
    split: { by: "cookie:session" }
    rewrite: /items/*
  by-consumer:
    match: /v2/*
    upstream: [{ upstream: old, weight: 1 }, { upstream: new, weight: 1 }]
    split: { by: consumer }
    fallthrough: true
  beta:
    match: { paths: ["/v1/items/{id}"], headers: { x-beta: true }, query: { preview: "1" } }
    upstream: new
    rewrite: /preview/{id}
    fallthrough: true
  rest: { match: /v1/*, upstream: old, rewrite: /legacy/*, plugins: [rate-limit: { max: 6, window: 1h, counter: legacy }] }
`,
    },
    {
      name: 'an AI upstream with streaming',
      requests: 200,
      hosts: ['ai.example.com'],
      paths: ['/v1/chat/completions', '/v1/embeddings', '/v1/models', '/v1/realtime', '/v1/chat/completions/'],
      methods: ['POST', 'GET', 'OPTIONS'],
      headers: [
        ['accept', 'text/event-stream'],
        ['expect', '100-continue'],
        ['te', 'trailers'],
        ['transfer-encoding', 'chunked'],
        ['cache-control', 'no-cache'],
      ],
      config: `${consumers(hashes)}
plugins: [access-log: { to: access.log }]
upstreams:
  model: { targets: [ORIGIN/model], timeouts: { response: 60s }, connections: { max: 8 } }
routes:
  chat:
    match: POST ai.example.com/v1/chat/*
    upstream: model
    plugins:
      - any: [api-key, { ${signedIn}, claims: { scope: [chat] } } }]
      - rate-limit: { max: 8, window: 1h, by: consumer }
      - body-limit: { max: 200B }
      - headers: { request: { set: { authorization: "Bearer upstream-token", accept-encoding: identity } } }
  embeddings: { match: POST ai.example.com/v1/embeddings, upstream: model, plugins: [api-key: { forward: true }, body-limit: { max: 50B, mode: observe }] }
  models: { match: GET ai.example.com/v1/models, upstream: model, plugins: [cache: { ttl: 1h, shared: true }], public: the list of models }
  realtime: { match: GET ai.example.com/v1/realtime, upstream: model, plugins: [api-key] }
`,
    },
    {
      name: 'a front door with narrow corners',
      requests: 60,
      hosts: ['door.example.com', 'a.b.door.example.com', 'x.example.org', 'door.example.com:99999', '', 'user@door'],
      paths: [
        '/app',
        '/app/home',
        '/app/Admin',
        '/app/admin',
        '/app/admin/x',
        '/app/%2561dmin',
        '/app/admin.',
        '/app/x;/../admin',
        '/app/home/..%2fadmin',
        '/loose/Admin',
        '/loose/admin',
        '/tree/a%2Fb/c',
        '/tree/%2E%2E%2Fb',
        '/tree//c',
        '/book/%C3%A9t%C3%A9',
        '/book/a%20b',
        '/watched/7',
        '/watched',
        '/teapot',
        '/moved/here?x=1',
        '/cond',
        '/hashed',
        `/app/${'long/'.repeat(60)}`,
        '*',
      ],
      methods: ['GET', 'HEAD', 'OPTIONS', 'POST', 'PROPFIND', 'TRACE'],
      headers: [
        ['origin', 'https://front.example.com'],
        ['origin', 'null'],
        ['access-control-request-method', 'PROPFIND'],
        ['access-control-request-method', 'GET'],
        ['access-control-request-headers', 'x-user, content-type'],
        ['x-user', 'u-1'],
        ['X-User', 'u-2'],
        ['x-version', '2.1'],
        ['x-version', '3'],
        ['x-forwarded-for', '203.0.113.9'],
        ['forwarded', 'for="[2001:db8::7]:4711";proto=https, for=10.0.0.2'],
        ['x-http-method-override', 'DELETE'],
        ['expect', 'something-else'],
        ['cache-control', 'only-if-cached'],
        ['range', 'bytes=0-1'],
        ['authorization', 'Bearer a b'],
        ['cookie', 'a=1; user=u-3'],
        ['connection', 'close, x-user'],
        ['te', 'trailers'],
        ['max-forwards', '0'],
        ...Array.from({ length: 4 }, (_, i) => [`x-filler-${i}`, 'f'.repeat(60)] as const),
      ],
      config: `${consumers(hashes)}
limits: { requestLine: 256B, headerBytes: 700B, headers: 12 }
trustedProxies: { from: [127.0.0.0/8, 10.0.0.0/8], header: forwarded }
plugins:
  - access-log: { to: access.log }
  - rate-limit: { max: 400, window: 1h, by: route, mode: observe }
  - ip-filter: { deny: [203.0.113.0/24], mode: observe }
chains:
  front: [cors: { origins: ["https://front.example.com"], methods: [GET, PROPFIND], headers: [x-user] }, keys]
  keys: [any: { of: [api-key, { ${signedIn} } }], optional: true }]
upstreams:
  app: ORIGIN/app
  other: ORIGIN
  hashed: { targets: [ORIGIN/h-a, ORIGIN/h-b], balance: { hash: header:x-user } }
routes:
  app: { match: "door.example.com/app/*", upstream: app, public: the pages, plugins: [front] }
  admin: { match: "door.example.com/app/admin/*", upstream: app, plugins: [api-key, acl: { groups: [trusted] }] }
  loose: { match: "/loose/*", upstream: app, aliasing: allow, public: as it was }
  loose-admin: { match: "/loose/admin", upstream: app, plugins: [ip-filter: { allow: [192.0.2.0/24] }, api-key] }
  tree: { match: "GET,PROPFIND /tree/{name}/*", upstream: other, encodedSlash: keep, slashes: keep, rewrite: "/t/*?name={name}&from=tree", public: t }
  book: { match: "*.door.example.com/book/{title}", upstream: other, rewrite: "/books/{title}?lang=en", host: target, public: t, plugins: [cache: { ttl: 1h }, rate-limit: { max: 9, window: 1h, by: "header:x-user", algorithm: sliding }] }
  watched:
    match: "/watched/*"
    upstream: app
    public: being tried
    plugins: [api-key: { mode: observe }, ip-filter: { allow: [192.0.2.1], mode: observe }, rate-limit: { max: 2, window: 1h, mode: observe }, body-limit: { max: 50B }, concurrency: { max: 50 }]
  teapot: { match: "/teapot", respond: { status: 418, body: short and stout }, public: t, plugins: [api-key: { optional: true }, acl: { groups: [mobile], mode: observe }] }
  moved: { match: "/moved/*", redirect: { location: /elsewhere, status: 308 }, public: t, plugins: [front] }
  cond-2: { match: { paths: [/cond], headers: { x-version: ["2.1", "2"], te: { regex: "tr.*" } } }, upstream: app, public: t }
  cond-3: { match: { paths: [/cond], headers: { x-version: ["3", "4"], x-user: true } }, upstream: other, public: t }
  cond: { match: { paths: [/cond], query: { preview: { prefix: "1" } } }, upstream: [{ upstream: app, weight: 3 }, { upstream: other }], split: { by: "header:x-user" }, public: t, fallthrough: true }
  hashed: { match: { paths: [/hashed], methods: [GET, POST] }, upstream: [{ upstream: hashed, weight: 1 }, { upstream: app, weight: 1 }], split: { by: "cookie:user" }, public: t, plugins: [overload: { maxEventLoopDelay: 60s }] }
  rest: { match: "x.example.org/*", respond: { status: 403 }, public: shut }
`,
    },
  ]
}
