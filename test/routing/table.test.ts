import { describe, expect, test } from 'vitest'
import type { RequestFacts } from '../../src/exchange/exchange.ts'
import { RouteTable } from '../../src/routing/table.ts'
import { request, route, type TestRoute, traits } from './routes.ts'

async function decide(routes: TestRoute[], facts: RequestFacts): Promise<string> {
  const table = await RouteTable.build(routes, ['main', 'internal'], traits)
  const result = table.match(facts, facts.path)
  if (result.kind === 'route') return result.route.name
  return result.kind === 'none' ? '404' : `405 ${result.allow.join(' ')}`
}

describe('the path stage', () => {
  const routes = [
    route('exact', '/a'),
    route('below', '/a/*'),
    route('item', '/a/{id}'),
    route('item-parts', '/a/{id}/parts'),
    route('special', '/a/special'),
    route('slash', '/b/'),
    route('from-the-left', '/x/{any}'),
    route('later-literal', '/{any}/y'),
    route('all', '/*'),
  ]

  test.for([
    ['/a', 'exact'],
    ['/a/', 'below'],
    ['/a/1', 'item'],
    ['/a/1/parts', 'item-parts'],
    ['/a/1/other', 'below'],
    ['/a/special', 'special'],
    ['/a/special/deep', 'below'],
    ['/b', 'all'],
    ['/b/', 'slash'],
    ['/x/y', 'from-the-left'],
    ['/z/y', 'later-literal'],
    ['/', 'all'],
    ['/ab', 'all'],
  ] as const)('gives %s to %s', async ([path, name]) => {
    expect(await decide(routes, request('GET', path))).toBe(name)
  })
})

describe('the host stage', () => {
  const on = (...hosts: string[]) => ({ match: { hosts } })
  const routes = [
    route('exact', '/only-exact', on('api.example.com')),
    route('shared', '/shared', on('api.example.com')),
    route('suffix', '/shared', on('*.example.com')),
    route('longer', '/shared', on('*.eu.example.com')),
    route('any', '/*'),
  ]

  test.for([
    ['api.example.com', '/shared', 'shared'],
    ['www.example.com', '/shared', 'suffix'],
    ['a.b.example.com', '/shared', 'suffix'],
    ['x.eu.example.com', '/shared', 'longer'],
    ['eu.example.com', '/shared', 'suffix'],
    ['example.com', '/shared', 'any'],
    ['api.example.com', '/elsewhere', 'any'],
    ['other.org', '/shared', 'any'],
  ] as const)('gives %s%s to %s', async ([host, path, name]) => {
    expect(await decide(routes, request('GET', path, { host }))).toBe(name)
  })

  test('gives a request without a host to routes without one', async () => {
    expect(await decide(routes, request('GET', '/shared', { host: null }))).toBe('any')
  })
})

describe('the stages after the path', () => {
  test('never reach a less specific pattern for another method', async () => {
    const routes = [route('admin', '/admin/*', { match: { methods: ['GET'] } }), route('public', '/*')]

    expect(await decide(routes, request('POST', '/admin/x'))).toBe('405 GET HEAD')
  })

  test('fall through where the route says so', async () => {
    const routes = [
      route('admin', '/admin/*', { match: { methods: ['GET'] }, fallthrough: true }),
      route('public', '/*'),
    ]

    expect(await decide(routes, request('POST', '/admin/x'))).toBe('public')
  })

  test('let HEAD follow GET', async () => {
    expect(await decide([route('get', '/*', { match: { methods: ['GET'] } })], request('HEAD', '/'))).toBe('get')
  })

  test.for(['TRACE', 'CONNECT'])('refuse %s on every route', async (method) => {
    expect(await decide([route('all', '/*')], request(method, '/'))).toMatch(/^405/)
  })

  test('prefer the route with most conditions, and answer 404 where none holds', async () => {
    const gold = { name: 'x-tier', test: { kind: 'any-of', values: ['gold'] } } as const
    const version = { name: 'v', test: { kind: 'present' } } as const
    const routes = [
      route('gold', '/*', { match: { headers: [gold] } }),
      route('gold-v', '/*', { match: { headers: [gold], query: [version] } }),
    ]
    const rawHeaders = ['X-Tier', 'gold']

    expect(await decide(routes, request('GET', '/', { rawHeaders }))).toBe('gold')
    expect(await decide(routes, request('GET', '/', { rawHeaders, query: '?v=1' }))).toBe('gold-v')
    expect(await decide(routes, request('GET', '/'))).toBe('404')
  })

  test('match a regex against the whole value', async () => {
    const field = { name: 'x-tier', test: { kind: 'regex', source: 'go+ld' } } as const
    const routes = [route('gold', '/*', { match: { headers: [field] } })]

    expect(await decide(routes, request('GET', '/', { rawHeaders: ['x-tier', 'goold'] }))).toBe('gold')
    expect(await decide(routes, request('GET', '/', { rawHeaders: ['x-tier', 'a gold one'] }))).toBe('404')
  })

  test('compare query values percent-decoded, with + as itself', async () => {
    const field = { name: 'a b', test: { kind: 'any-of', values: ['c+d'] } } as const
    const routes = [route('found', '/*', { match: { query: [field] } })]

    expect(await decide(routes, request('GET', '/', { query: '?a%20b=c%2Bd' }))).toBe('found')
    expect(await decide(routes, request('GET', '/', { query: '?a+b=c+d' }))).toBe('404')
  })

  test('give a preflight to a route whose chain answers it', async () => {
    const routes = [route('get', '/*', { match: { methods: ['GET'] }, preflight: true })]
    const rawHeaders = ['Origin', 'https://a.example', 'Access-Control-Request-Method', 'GET']

    expect(await decide(routes, request('OPTIONS', '/', { rawHeaders }))).toBe('get')
    expect(await decide(routes, request('OPTIONS', '/'))).toBe('405 GET HEAD')
  })

  test('keep the listeners of a route apart', async () => {
    const routes = [route('internal', '/*', { match: { on: ['internal'] } })]

    expect(await decide(routes, request('GET', '/'))).toBe('404')
    expect(await decide(routes, request('GET', '/', { listener: { name: 'internal', protocol: 'http' } }))).toBe(
      'internal',
    )
  })
})

describe('the no-aliasing rule', () => {
  const routes = [
    route('public', '/*'),
    route('admin', '/admin/*', { demands: ['api-key'] }),
    route('mixed', '/Secret', { demands: ['api-key'] }),
    route('same', '/same/*'),
  ]

  async function alias(path: string): Promise<string | null> {
    const table = await RouteTable.build(routes, ['main'], traits)
    const facts = request('GET', path)
    const matched = table.match(facts, path)
    return matched.kind === 'route' ? (table.alias(facts, path, matched.route)?.name ?? null) : 'unmatched'
  }

  test.for([
    '/Admin/x',
    '/ADMIN',
    '/admin;x/y',
    '/;a/admin/x',
    '/%2561dmin/x',
    '/%252561dmin/x',
    '/x/..;/admin/y',
    '/admin%2Fx',
    '/x%2F..%2Fadmin',
    '/admin%3Fx',
    '/admin%23x',
    '/admin./x',
    '/admin%20/x',
    '/admin%2500/x',
    '/x%255c..%255cadmin',
    '/%EF%BC%A1dmin/x',
    '/x/%E2%80%A5/admin',
  ])('finds the guarded route that an origin could read into %s', async (path) => {
    expect(await alias(path)).toBe('admin')
  })

  test('folds the pattern too', async () => {
    expect(await alias('/sEcReT')).toBe('mixed')
  })

  test.for(['/Same/x', '/Other', '/a%20b', '/x;y=1'])('lets %s pass, which nothing guards', async (path) => {
    expect(await alias(path)).toBeNull()
  })
})
