/** A table made from another one is the table that its routes make by themselves, and the other one stays as it was. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RouteTable } from '../../src/routing/table.ts'
import { request, route, type TestRoute, traits } from './routes.ts'

const listeners = ['main', 'internal']
const paths = ['/', '/a', '/a/*', '/a/{id}', '/a/{other}', '/A/b', '/a/b', '/{x}/b', '/*', '/%C3%89/*', '/a/b/c/*']
const gold = { name: 'x-tier', test: { kind: 'any-of', values: ['gold'] } } as const
const conditions = [{}, { headers: [gold] }, { methods: ['GET'] }, { methods: ['POST'], headers: [gold] }]

const routeArbitrary = fc
  .record({
    path: fc.constantFrom(...paths),
    hosts: fc.constantFrom(null, ['a.example'], ['*.example', 'b.example']),
    on: fc.constantFrom(null, ['main'], ['internal']),
    conditions: fc.constantFrom(...conditions),
    guarded: fc.boolean(),
    fallthrough: fc.boolean(),
  })
  .map(({ path, hosts, on, conditions: more, guarded, fallthrough }) => {
    // Nobody else has these: which of two equal routes wins is not to be seen here.
    const name = JSON.stringify([path, hosts, on, more])
    return route(name, path, { match: { hosts, on, ...more }, demands: guarded ? [name] : [], fallthrough })
  })

const requests = ['/', '/a', '/A', '/a/b', '/a/B', '/A/b', '/z/b', '/a/x', '/%C3%89/y', '/a/b/c/d', '/q']
  .flatMap((path) => ['a.example', 'b.example', 'c.example', null].map((host) => ({ path, host })))
  .flatMap((one) =>
    ['GET', 'POST'].flatMap((method) => [
      { ...one, method, tier: true },
      { ...one, method, tier: false },
    ]),
  )
  .flatMap((one) => listeners.map((listener) => ({ ...one, listener })))

/** Everything that a table says. */
function saying(table: RouteTable): unknown[] {
  return requests.map(({ path, host, method, tier, listener }) => {
    const rawHeaders = tier ? ['x-tier', 'gold'] : []
    const facts = request(method, path, { host, rawHeaders, listener: { name: listener, protocol: 'http' } })
    const result = table.match(facts, path)
    const route = result.kind === 'route' ? result.route : null
    const considered = table.considered(facts, path, result).map((one) => JSON.stringify(one))
    return [
      result.kind,
      route?.name,
      table.alias(facts, path, route)?.name,
      considered.sort(),
      hosts(table, listener, path),
    ]
  })
}

function hosts(table: RouteTable, listener: string, path: string): unknown[] {
  return table.hostsCovering(listener, path).toSorted()
}

test('the next table says what a new one says, and the one before it what it said', async () => {
  const universe = fc.uniqueArray(routeArbitrary, { selector: ({ name }) => name, minLength: 1, maxLength: 12 })
  const picks = fc.array(fc.array(fc.nat({ max: 11 })), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(universe, picks, async (all, rounds) => {
      let served: TestRoute[] = []
      let table = await RouteTable.build(served, listeners, traits)
      for (const round of rounds) {
        const routes = [...new Set(round.flatMap((i) => all[i] ?? []))]
        const before = saying(table)
        const removed = served.filter((one) => !routes.includes(one))
        const added = routes.filter((one) => !served.includes(one))

        const next = await table.next({ removed, added }, traits)

        // In the same order: which of several equally exact routes is named first is their order.
        const order = [...served.filter((one) => routes.includes(one)), ...added]
        expect(saying(next)).toEqual(saying(await RouteTable.build(order, listeners, traits)))
        expect(saying(table)).toEqual(before)
        served = order
        table = next
      }
    }),
    { numRuns: 60 },
  )
})

test('a table that all routes have left finds nothing, and holds nothing', async () => {
  const routes = paths.map((path, i) => route(`r${i}`, path, { match: { hosts: [`h${i}.example`] } }))
  const table = await RouteTable.build(routes, listeners, traits)

  const empty = await table.next({ removed: routes, added: [] }, traits)

  expect(paths.flatMap((path) => empty.hostsCovering('main', path.replace(/[{*].*$/, 'x')))).toEqual([])
  expect(table.hostsCovering('main', '/a')).not.toEqual([])
})
