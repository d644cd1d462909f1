/** A config that is served is sent on with as little as has changed, and arrives whole. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { routeBrief, upstreamBrief } from '../../src/config/brief.ts'
import type { ChainItem, Config, PluginItem, RouteConfig } from '../../src/config/config.ts'
import { packConfig, sharedPack } from '../../src/config/packed.ts'
import {
  eachPart,
  freshPrints,
  type Prints,
  placesOf,
  printsOf,
  sharedPlaces,
  wholePrints,
} from '../../src/config/parts.ts'
import { packTexts, Texts } from '../../src/config/texts.ts'
import { unpackConfig } from '../../src/config/unpacked.ts'
import { glance, isUnread, whole } from '../../src/config/unread.ts'
import { nothingWaits } from '../../src/config/waiting.ts'

const at = (line: number) => ({ file: 'gateway.yaml', line, column: 3, endColumn: 9 })

const item = (id: string, options: Record<string, unknown> = {}, line = 1) =>
  ({ kind: 'plugin', plugin: { name: 'x', url: 'file:x' }, id, options, at: at(line) }) as unknown as PluginItem

const route = (name: string, chain: readonly ChainItem[], more: Partial<RouteConfig> = {}) =>
  ({ name, match, chain, public: 'why: é → 🚀', ...more }) as unknown as RouteConfig

const match = {
  on: null,
  hosts: ['a.example', '*.b'],
  paths: [{ text: '/{id}/*' }, { text: '/é' }],
  headers: [1],
  query: [],
}
const upstreamOf = (name: string) => ({ name, targets: [{ url: 'http://a' }, { url: 'http://b' }], breaker: null })

const configOf = (routes: readonly RouteConfig[], plugins: readonly ChainItem[] = []) => {
  const items = [...new Set([...plugins, ...routes.flatMap(({ chain }) => chain)])]
  return {
    file: 'f',
    routes,
    items,
    plugins,
    upstreams: [upstreamOf('u')],
    consumers: [{ name: 'c' }],
  } as unknown as Config
}

/** Without where its items stand. */
const placeless = (config: Config): unknown =>
  JSON.parse(JSON.stringify(config, (key, value) => (key === 'at' ? undefined : value)))

/** As through another process: compared by prints. */
async function sent(config: Config, known: Config | null, waiting = nothingWaits): Promise<Config> {
  const prints = printsOf(config)
  const old = known === null ? null : printsThere.get(known)!
  const places = eachPart((name) => placesOf(prints[name], old?.[name]))
  const fresh = eachPart((name) => freshPrints(prints[name], places[name]))
  const all = eachPart((name) => Buffer.from(wholePrints(fresh[name], places[name], old?.[name])))
  expect(all).toEqual(prints)
  const received = await unpackConfig(structuredClone(sharedPack(packConfig(config, { places, waiting }))), { known })
  printsThere.set(received, prints)
  return received
}

const printsThere = new WeakMap<Config, Prints>()

const allWaits = { item: () => true, route: () => true, upstream: () => true }

/** With all that waits read. */
function read(config: Config): Config {
  const routeOf = (route: RouteConfig) => ({ ...glance(route), chain: route.chain.map(glance) })
  return {
    ...config,
    items: config.items.map(glance),
    plugins: config.plugins.map(glance),
    routes: config.routes.map(routeOf),
    upstreams: config.upstreams.map(glance),
  }
}

describe.for([
  ['at once', nothingWaits],
  ['when it is asked for', allWaits],
] as const)('a packed config that is read %s', ([, waiting]) => {
  test('arrives as it was sent, frozen, with shared chain items still shared', async () => {
    const shared = item('chains.a/x#0')
    const any = (i: number) => ({ kind: 'any', id: `r${i}/any#0`, members: [item(`r${i}/m`)] }) as unknown as ChainItem
    const routes = Array.from({ length: 175 }, (_, i) => route(`r${i}`, i % 3 === 0 ? [] : [shared, any(i)]))
    const config = configOf(routes, [shared])

    const received = await sent(config, null, waiting)

    expect(read(received)).toEqual(config)
    expect(Object.isFrozen(received.routes[174]!.chain)).toBe(true)
    const firsts = received.routes.flatMap(({ chain }) => chain.slice(0, 1))
    expect(new Set([...firsts, ...received.plugins])).toEqual(new Set([received.items[0]]))
  })

  test('brings options that JSON does not have', async () => {
    const options = { most: Number.POSITIVE_INFINITY, none: Number.NaN, zero: -0, list: [1] }
    const any = { kind: 'any', id: 'any#0', members: [item('m0'), item('m1', options)] } as unknown as ChainItem

    const config = await sent(configOf([route('r', [item('x#0', options), any])]), null, waiting)

    const [plain, both] = config.routes[0]!.chain as [PluginItem, { members: PluginItem[] }]
    expect([plain.options, both.members[1]!.options]).toEqual([options, options])
    expect(both.members[0]!.options).toEqual({})
  })

  test('takes over an `any` whose members stand elsewhere now', async () => {
    const any = (line: number) =>
      ({ kind: 'any', id: 'any#0', members: [item('m0', {}, line)], at: at(line) }) as unknown as ChainItem
    const first = await sent(configOf([route('a', [any(1)])]), null, waiting)

    const second = await sent(configOf([route('a', [any(7)])]), first, waiting)

    expect(second.routes[0]).toBe(first.routes[0])
  })

  test('takes over what is there, as the same objects, though it stands elsewhere now', async () => {
    const first = await sent(
      configOf([route('a', [item('a#0')]), route('b', [item('b#0')])], [item('g#0')]),
      null,
      waiting,
    )
    const moved = [route('new', []), route('b', [item('b#0', {}, 20)]), route('a', [item('a#0', { max: 1 }, 30)])]

    const second = await sent(configOf(moved, [item('g#0', {}, 10)]), first, waiting)

    expect(second.routes[1]).toBe(first.routes[1])
    expect(second.plugins[0]).toBe(first.plugins[0])
    expect(second.upstreams[0]).toBe(first.upstreams[0])
    // Its item is another one, and so it is another route.
    expect(read(second).routes[2]).toEqual(moved[2])
    expect(read(second).routes[0]).toEqual(moved[0])
  })

  test('is the config that was sent after any sequence of edits, through both kinds of comparison', async () => {
    const options = fc.record({ max: fc.integer({ min: 0, max: 2 }) })
    const chain = fc.array(fc.tuple(fc.constantFrom('x#0', 'y#0', 'z#0'), options), { maxLength: 3 })
    const routes = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), chain), { selector: ([name]) => name })
    await fc.assert(
      fc.asyncProperty(fc.array(routes, { minLength: 1, maxLength: 6 }), async (files) => {
        let line = 0
        let known: Config | null = null
        let here: Config | null = null
        let there: Config | null = null
        for (const file of files) {
          const made = file.map(([name, items]) =>
            route(
              name,
              items.map(([id, of]) => item(`${name}/${id}`, of, ++line)),
            ),
          )
          const config = configOf(made)
          const unpacked: Config = await sent(config, known, waiting)
          expect(placeless(read(unpacked))).toEqual(placeless(config))

          // From one thread to the next, as workers are given it.
          const places = sharedPlaces(unpacked, here)
          const packed = packConfig(unpacked, { places, waiting: nothingWaits })
          const again: Config = await unpackConfig(structuredClone(packed), { known: there })
          expect(read(again)).toEqual(read(unpacked))
          known = unpacked
          here = unpacked
          there = again
        }
      }),
    )
  })
})

test('a part that waits is there under every key, is read once, and is as frozen as the others', async () => {
  const config = configOf([route('r', [item('x#0')], { slashes: 'keep' })])

  const { routes, upstreams, items } = await sent(config, null, allWaits)

  expect([...routes, ...upstreams, ...items].every(isUnread)).toBe(true)
  expect([routes[0]!.name, upstreams[0]!.name]).toEqual(['r', 'u'])
  expect(routeBrief(routes[0]!)).toEqual({ on: null, hosts: ['a.example', '*.b'], paths: ['/{id}/*', '/é'], rank: 1 })
  expect(upstreamBrief(upstreams[0]!)).toEqual({ urls: ['http://a', 'http://b'], hasBreaker: false })
  const { chain, slashes, fallthrough } = routes[0]!
  expect([chain[0], slashes, fallthrough]).toEqual([items[0], 'keep', undefined])
  expect(whole(routes[0]!)).toBe(whole(routes[0]!))
  expect(Object.isFrozen(upstreams[0]!.targets[0])).toBe(true)
  expect((items[0] as PluginItem).id).toBe('x#0')
})

test('routes that are sent on after others of their file have gone name their own items', async () => {
  const items = Array.from({ length: 6 }, (_, i) => item(`i${i}`))
  const routes = items.map((one, i) => route(`r${i}`, [one, items[0]!]))
  const first = await sent(configOf(routes), null, allWaits)
  const second = await sent(configOf([routes[5]!, route('new', [item('n')]), routes[2]!]), first, allWaits)

  const places = sharedPlaces(second, null)
  const there = await unpackConfig(structuredClone(sharedPack(packConfig(second, { places, waiting: nothingWaits }))), {
    known: null,
  })

  const ids = there.routes.map(({ name, chain }) => [name, chain.map(({ id }) => id)])
  expect(ids).toEqual([
    ['r5', ['i5', 'i0']],
    ['new', ['n']],
    ['r2', ['i2', 'i0']],
  ])
})

test('a part whose name has a line break does not wait, and comes whole', async () => {
  const { routes } = await sent(configOf([route('a\nb', []), route('\ud800', []), route('c', [])]), null, allWaits)

  expect(routes.map(isUnread)).toEqual([false, false, true])
  expect(routes.map(({ name }) => name)).toEqual(['a\nb', '\ud800', 'c'])
})

test('what waits holds no config that it came with, nor one before', async () => {
  const files = (i: number): Config => ({
    ...configOf([route('kept', [item('k')]), route('other', [item('o', { i })])]),
    upstreams: [upstreamOf('kept'), upstreamOf(`other${i}`)] as unknown as Config['upstreams'],
  })
  let config = await sent(files(0), null, allWaits)
  const gone: WeakRef<Config>[] = []
  for (let i = 1; i < 6; i++) {
    gone.push(new WeakRef(config))
    config = await sent(files(i), config, allWaits)
  }

  await collected()

  expect(gone.map((ref) => ref.deref()?.items.length)).toEqual(gone.map(() => undefined))
  expect(config.routes[0]!.chain[0]!.id).toBe('k')
})

test('of short texts that were read little is kept', async () => {
  const packed = packTexts(['short'])
  const sources = Array.from({ length: 1000 }, () => new Texts(packed))
  await collected()
  const before = process.memoryUsage().arrayBuffers

  for (const texts of sources) texts.at(0)
  await collected()

  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
  expect(sources[0]!.at(0)).toBe('short')
})

/** All garbage; what is on the stack of whoever called stays until the next turn. */
async function collected(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  for (let i = 0; i < 3; i++) {
    await new Promise((done) => setTimeout(done, 10))
    collect()
  }
}
