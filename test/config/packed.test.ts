/** A config that is served is sent on with as little as has changed, and arrives whole. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChainItem, Config, PluginItem, RouteConfig } from '../../src/config/config.ts'
import { packConfig, sharedPack, type UnpackedConfig, unpackConfig } from '../../src/config/packed.ts'
import {
  eachPart,
  freshPrints,
  type Parts,
  partsOf,
  placesOf,
  printsOf,
  sharedPlaces,
  wholePrints,
} from '../../src/config/parts.ts'

const at = (line: number) => ({ file: 'gateway.yaml', line, column: 3, endColumn: 9 })

const item = (id: string, options: Record<string, unknown> = {}, line = 1) =>
  ({ kind: 'plugin', plugin: { name: 'x', url: 'file:x' }, id, options, at: at(line) }) as unknown as PluginItem

const route = (name: string, chain: readonly ChainItem[], more: Partial<RouteConfig> = {}) =>
  ({ name, chain, public: 'why: é → 🚀', ...more }) as unknown as RouteConfig

const configOf = (routes: readonly RouteConfig[], plugins: readonly ChainItem[] = [], more: Partial<Config> = {}) =>
  ({ file: 'f', routes, plugins, upstreams: [{ name: 'u' }], consumers: [{ name: 'c' }], ...more }) as unknown as Config

/** Without where its items stand. */
const placeless = (config: Config): unknown =>
  JSON.parse(JSON.stringify(config, (key, value) => (key === 'at' ? undefined : value)))

/** As through another process: compared by prints. */
function sent(config: Config, known: Parts | null): Promise<UnpackedConfig> {
  const parts = partsOf(config)
  const prints = printsOf(parts)
  const old = known === null ? null : printsOf(known)
  const places = eachPart((name) => placesOf(prints[name], old?.[name]))
  const fresh = eachPart((name) => freshPrints(prints[name], places[name]))
  const whole = eachPart((name) => Buffer.from(wholePrints(fresh[name], places[name], old?.[name])))
  expect(whole).toEqual(prints)
  return unpackConfig(structuredClone(sharedPack(packConfig(config, parts, places))), known)
}

describe('a packed config', () => {
  test('arrives as it was sent, frozen, with shared chain items still shared', async () => {
    const shared = item('chains.a/x#0')
    const any = (i: number) => ({ kind: 'any', id: `r${i}/any#0`, members: [item(`r${i}/m`)] }) as unknown as ChainItem
    const routes = Array.from({ length: 175 }, (_, i) => route(`r${i}`, i % 3 === 0 ? [] : [shared, any(i)]))
    const config = configOf(routes, [shared])

    const { config: received, parts } = await sent(config, null)

    expect(received).toEqual(config)
    expect(Object.isFrozen(received.routes[174]!.chain)).toBe(true)
    const firsts = received.routes.flatMap(({ chain }) => chain.slice(0, 1))
    expect(new Set([...firsts, ...received.plugins])).toEqual(new Set([parts.items[0]]))
  })

  test('brings options that JSON does not have', async () => {
    const options = { most: Number.POSITIVE_INFINITY, none: Number.NaN, zero: -0, list: [1] }
    const any = { kind: 'any', id: 'any#0', members: [item('m0'), item('m1', options)] } as unknown as ChainItem

    const { config } = await sent(configOf([route('r', [item('x#0', options), any])]), null)

    const [plain, both] = config.routes[0]!.chain as [PluginItem, { members: PluginItem[] }]
    expect([plain.options, both.members[1]!.options]).toEqual([options, options])
    expect(both.members[0]!.options).toEqual({})
  })

  test('takes over an `any` whose members stand elsewhere now', async () => {
    const any = (line: number) =>
      ({ kind: 'any', id: 'any#0', members: [item('m0', {}, line)], at: at(line) }) as unknown as ChainItem
    const first = await sent(configOf([route('a', [any(1)])]), null)

    const second = await sent(configOf([route('a', [any(7)])]), first.parts)

    expect(second.config.routes[0]).toBe(first.config.routes[0])
  })

  test('takes over what is there, as the same objects, though it stands elsewhere now', async () => {
    const first = await sent(configOf([route('a', [item('a#0')]), route('b', [item('b#0')])], [item('g#0')]), null)
    const moved = [route('new', []), route('b', [item('b#0', {}, 20)]), route('a', [item('a#0', { max: 1 }, 30)])]

    const second = await sent(configOf(moved, [item('g#0', {}, 10)]), first.parts)

    expect(second.config.routes[1]).toBe(first.config.routes[1])
    expect(second.config.plugins[0]).toBe(first.config.plugins[0])
    expect(second.config.upstreams[0]).toBe(first.config.upstreams[0])
    // Its item is another one, and so it is another route.
    expect(second.config.routes[2]).toEqual(moved[2])
    expect(second.config.routes[0]).toEqual(moved[0])
  })

  test('is the config that was sent after any sequence of edits, through both kinds of comparison', async () => {
    const options = fc.record({ max: fc.integer({ min: 0, max: 2 }) })
    const chain = fc.array(fc.tuple(fc.constantFrom('x#0', 'y#0', 'z#0'), options), { maxLength: 3 })
    const routes = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), chain), { selector: ([name]) => name })
    await fc.assert(
      fc.asyncProperty(fc.array(routes, { minLength: 1, maxLength: 6 }), async (files) => {
        let line = 0
        let known: Parts | null = null
        let here: Parts | null = null
        let there: Parts | null = null
        for (const file of files) {
          const made = file.map(([name, items]) =>
            route(
              name,
              items.map(([id, of]) => item(`${name}/${id}`, of, ++line)),
            ),
          )
          const config = configOf(made)
          const unpacked: UnpackedConfig = await sent(config, known)
          expect(placeless(unpacked.config)).toEqual(placeless(config))

          // From one thread to the next, as workers are given it.
          const parts = partsOf(unpacked.config)
          const packed = packConfig(unpacked.config, parts, sharedPlaces(parts, here))
          const again = await unpackConfig(structuredClone(packed), there)
          expect(again.config).toEqual(unpacked.config)
          known = unpacked.parts
          here = parts
          there = again.parts
        }
      }),
    )
  })
})
