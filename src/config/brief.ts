/**
 * What has to be known of a part that waits before anybody asks for it, as lines of text. Not JSON: V8 would remember every short
 * text that it reads there, and make the table in which it does so larger for some milliseconds.
 */
import type { RouteConfig } from './config.ts'
import { isUnread } from './unread.ts'
import type { UpstreamConfig } from './upstream-config.ts'

/** What a route table is made of. */
export interface RouteBrief {
  readonly on: readonly string[] | null
  readonly hosts: readonly string[] | null
  /** Patterns. */
  readonly paths: readonly string[]
  /** How many conditions there are besides. */
  readonly rank: number
}

export function routeBrief(route: RouteConfig): RouteBrief {
  return isUnread(route) ? readRoute(route.brief) : briefOf(route)
}

function briefOf({ match }: RouteConfig): RouteBrief {
  const { on, hosts, paths, headers, query } = match
  return { on, hosts, paths: paths.map(({ text }) => text), rank: headers.length + query.length }
}

export function routeLines(route: RouteConfig): readonly string[] {
  const { on, hosts, paths, rank } = briefOf(route)
  return [String(rank), listLine(on), listLine(hosts), ...paths]
}

function readRoute([rank, on, hosts, ...paths]: readonly string[]): RouteBrief {
  return { rank: Number(rank), on: listOf(on!), hosts: listOf(hosts!), paths }
}

/** What is known of an upstream that no request has asked for. */
export interface UpstreamBrief {
  /** Of its targets. */
  readonly urls: readonly string[]
  readonly hasBreaker: boolean
}

export function upstreamBrief(upstream: UpstreamConfig): UpstreamBrief {
  if (!isUnread(upstream))
    return { urls: upstream.targets.map(({ url }) => url), hasBreaker: upstream.breaker !== null }
  const [breaker, ...urls] = upstream.brief
  return { urls, hasBreaker: breaker !== '' }
}

export function upstreamLines({ targets, breaker }: UpstreamConfig): readonly string[] {
  return [breaker === null ? '' : 'breaker', ...targets.map(({ url }) => url)]
}

/** A comma stands in no name of a listener, and in no host. */
function listLine(list: readonly string[] | null): string {
  return list === null ? '' : list.join(',')
}

function listOf(line: string): readonly string[] | null {
  return line === '' ? null : line.split(',')
}
