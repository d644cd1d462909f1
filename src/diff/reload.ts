/** What a reload from one config to the other keeps, and what it starts anew: connections, counters, caches. */
import type { Config, PluginItem } from '../config/config.ts'
import { duration } from '../config/units.ts'
import { targetKey } from '../upstream/target.ts'
import { placeOf } from './words.ts'

export interface Carried {
  readonly carried: readonly string[]
  readonly dropped: readonly string[]
  readonly fresh: readonly string[]
}

export interface ReloadEffect {
  /** Connections to targets, by upstream and URL. */
  readonly connections: Carried
  /** Counts of rate limits. */
  readonly counters: Carried
  readonly caches: Carried
}

export function reloadEffect(before: Config, after: Config): ReloadEffect {
  return {
    connections: compare(targetsOf(before), targetsOf(after)),
    counters: compare(countersOf(before), countersOf(after)),
    caches: compare(cachesOf(before), cachesOf(after)),
  }
}

/** What holds state, by the key that it is carried by. */
type Holders = ReadonlyMap<string, string>

function compare(before: Holders, after: Holders): Carried {
  const names = (holders: Holders, wanted: (key: string) => boolean) => [
    ...new Set([...holders].filter(([key]) => wanted(key)).map(([, name]) => name)),
  ]
  return {
    carried: names(after, (key) => before.has(key)),
    dropped: names(before, (key) => !after.has(key)),
    fresh: names(after, (key) => !before.has(key)),
  }
}

function targetsOf({ upstreams }: Config): Holders {
  return new Map(
    upstreams.flatMap((upstream) =>
      upstream.targets.map((target) => [targetKey(target, upstream), `${upstream.name} ${target.url}`] as const),
    ),
  )
}

/** By counter or place, by `by`, window and algorithm: a changed `max` keeps the counts. */
function countersOf(config: Config): Holders {
  const counters = itemsOf(config, 'rate-limit').map((item) => {
    const { id, options, belowAuthenticator } = item
    const { counter, by = belowAuthenticator ? 'consumer' : 'ip', window, algorithm } = options
    const owner = counter === undefined ? ['item', id] : ['counter', counter]
    const name = counter === undefined ? `rate-limit of ${placeOf(item)}` : `counter ${counter}`
    return [
      JSON.stringify([...owner, by, duration(String(window)), algorithm]),
      `${name}, by ${by}, ${window}`,
    ] as const
  })
  return new Map(counters)
}

/** A cache is carried whole, with its options, or begins empty. */
function cachesOf(config: Config): Holders {
  return new Map(
    itemsOf(config, 'cache').map((item) => [JSON.stringify([item.id, item.options]), `cache of ${placeOf(item)}`]),
  )
}

function itemsOf({ items }: Config, name: string): PluginItem[] {
  return items.flatMap((item) => (item.kind === 'plugin' && item.plugin.name === name ? [item] : []))
}
