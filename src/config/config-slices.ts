/**
 * A config on its way to another thread, in small slices: reading 10,000 routes at once would hold every request of a serving
 * thread up. Chain items keep their identity, so that what two routes share is compiled once.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { Pace } from '../pace.ts'
import type { ChainItem, Config, ConsumerConfig, RouteConfig, UpstreamConfig } from './config.ts'
import { deepFreeze } from './freeze.ts'

type SlicedRoute = Omit<RouteConfig, 'chain'> & { readonly chain: readonly number[] }

interface Slice {
  /** The next chain items, numbered in order. */
  readonly items: readonly ChainItem[]
  readonly routes: readonly SlicedRoute[]
  readonly upstreams: readonly UpstreamConfig[]
  readonly consumers: readonly ConsumerConfig[]
}

/** What is left of a config when its long lists are taken out. */
export interface ConfigHead extends Omit<Config, 'routes' | 'upstreams' | 'consumers' | 'plugins'> {
  readonly plugins: readonly number[]
  readonly slices: number
}

const LENGTH = 10

/** Sends all slices through the port, where they wait to be read. */
export function sendConfig(config: Config, port: MessagePort): ConfigHead {
  const { routes, upstreams, consumers, plugins, ...rest } = config
  const numbers = new Map<ChainItem, number>()
  let fresh: ChainItem[] = []
  const numberOf = (item: ChainItem): number => {
    const known = numbers.get(item)
    if (known !== undefined) return known
    numbers.set(item, numbers.size)
    fresh.push(item)
    return numbers.size - 1
  }
  const global = plugins.map(numberOf)
  const slices = Math.max(1, ...[routes, upstreams, consumers].map(({ length }) => Math.ceil(length / LENGTH)))
  for (let from = 0; from < slices * LENGTH; from += LENGTH) {
    const part = <Item>(list: readonly Item[]) => list.slice(from, from + LENGTH)
    const sliced = part(routes).map((route) => ({ ...route, chain: route.chain.map(numberOf) }))
    const slice: Slice = { items: fresh, routes: sliced, upstreams: part(upstreams), consumers: part(consumers) }
    port.postMessage(slice)
    fresh = []
  }
  return { ...rest, plugins: global, slices }
}

/** Reads what `sendConfig` sent before this is called, a slice in a turn of the event loop. Closes the port. */
export async function receiveConfig(head: ConfigHead, port: MessagePort): Promise<Config> {
  const { plugins, slices, ...rest } = head
  const items: ChainItem[] = []
  const routes: RouteConfig[] = []
  const upstreams: UpstreamConfig[] = []
  const consumers: ConsumerConfig[] = []
  const pace = new Pace()
  for (let i = 0; i < slices; i++) {
    const slice = (receiveMessageOnPort(port) as { message: Slice }).message
    items.push(...slice.items)
    for (const route of slice.routes) {
      routes.push(deepFreeze({ ...route, chain: route.chain.map((number) => items[number]!) }))
    }
    upstreams.push(...deepFreeze(slice.upstreams))
    consumers.push(...deepFreeze(slice.consumers))
    if (pace.isOver) await pace.rest()
  }
  port.close()
  const global = plugins.map((number) => items[number]!)
  // The long lists hold frozen things only: no need to walk them again.
  for (const list of [routes, upstreams, consumers]) Object.freeze(list)
  return deepFreeze({ ...rest, routes, upstreams, consumers, plugins: global })
}
