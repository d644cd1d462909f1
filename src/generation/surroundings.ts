/** What the chains of a config share, and what its plugins say about themselves. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import type { ChainItem, Config, PluginItem } from '../config/config.ts'
import type { LoadedPlugin } from '../config/plugin-catalog.ts'
import type { Need, Traits } from '../plugin.ts'
import type { FleetStore } from '../state/fleet.ts'
import type { CompileInput, World } from './compile.ts'
import { consumerDirectory } from './consumers.ts'
import type { Surroundings } from './scope.ts'
import { hashedHeaders } from './upstreams.ts'

export function traitsOf(item: PluginItem, plugins: ReadonlyMap<string, LoadedPlugin>): Traits | null {
  const loaded = plugins.get(item.plugin.url)
  return loaded?.kind === 'native' ? loaded.module.traits : null
}

export function needsOf(traits: Traits, item: PluginItem): readonly Need[] {
  return typeof traits.needs === 'function' ? traits.needs(item.options) : (traits.needs ?? [])
}

export function surroundings({ config, plugins }: CompileInput, world: World, store: FleetStore | null): Surroundings {
  const { carry, log, metrics, inFlight, purges, siblings } = world
  const counters = store?.counters ?? world.counters
  const reads = new Set<string>()
  const secrets = new Set<string>()
  for (const { match } of config.routes) {
    for (const { name } of match.headers) reads.add(`header:${name}`)
    for (const { name } of match.query) reads.add(`query:${name}`)
  }
  for (const name of hashedHeaders(config)) reads.add(`header:${name}`)
  for (const item of pluginItems(config)) {
    const traits = traitsOf(item, plugins)
    for (const name of traits?.reads?.(item.options) ?? []) reads.add(name)
    for (const name of traits?.secrets?.(item.options) ?? []) secrets.add(name)
  }
  const shared = { reads: [...reads].sort(), secrets: [...secrets].sort(), folder: dirname(config.file) }
  const digest = createHash('sha256')
    .update(JSON.stringify([config.consumers, config.store, shared]))
    .digest('base64url')
  return {
    carry,
    log,
    metrics,
    counters,
    inFlight,
    purges,
    siblings,
    answers: () => store?.answers ?? null,
    consumers: consumerDirectory(config.consumers, store?.keys ?? null),
    ...shared,
    digest,
  }
}

/** With `-` for `_`, as clients' names are compared: CGI and WSGI origins cannot tell them apart. */
export function reservedNames({ config, plugins }: CompileInput): ReadonlySet<string> {
  const reserved = new Set<string>()
  for (const item of pluginItems(config)) {
    for (const name of traitsOf(item, plugins)?.reserves?.(item.options) ?? []) reserved.add(name.replaceAll('_', '-'))
  }
  return reserved
}

/** Every plugin item of a config, those inside `any` included. */
export function* pluginItems({ plugins, routes }: Config): Generator<PluginItem> {
  const seen = new Set<ChainItem>()
  yield* unseen(plugins, seen)
  for (const { chain } of routes) yield* unseen(chain, seen)
}

function* unseen(chain: readonly ChainItem[], seen: Set<ChainItem>): Generator<PluginItem> {
  for (const item of chain) {
    if (seen.has(item)) continue
    seen.add(item)
    if (item.kind === 'plugin') yield item
    else yield* item.members
  }
}
