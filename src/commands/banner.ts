/** What `sluice run` prints once it serves: where everything is, and three requests to paste. */
import { createHash } from 'node:crypto'
import type { ChainItem, Config, RouteConfig } from '../config/config.ts'
import { glance } from '../config/unread.ts'
import type { Gateway } from '../gateway.ts'

type Running = Pick<Gateway, 'current' | 'addresses' | 'adminAddress'>

/** `file` is the config as the operator named it. */
export function banner(gateway: Running, file: string): string {
  const { current, addresses, adminAddress } = gateway
  const admin = `http://${urlHost(reachable(adminAddress.host))}:${adminAddress.port}`
  const listeners = [...addresses.values()].map(urlOf)
  const { publicRoutes } = current.outline
  const lines = [
    `sluice serves ${count(current.routes.length, 'route')} (${publicRoutes} public) from ${file}`,
    `  gateway  ${listeners.join('  ')}`,
    `  admin    ${admin}/  (metrics at /metrics)`,
    '',
    'Try:',
    ...examples(gateway, admin).map((line) => `  ${line}`),
  ]
  return `${lines.join('\n')}\n`
}

/** Requests that work as pasted: a public one, one with the demo's key and without, and readiness, which every gateway has. */
function examples({ current, addresses }: Running, admin: string): string[] {
  const plain = [...addresses].filter(([, { protocol }]) => protocol === 'http')
  const urls = new Map(plain.map(([name, address]) => [name, urlOf(address)]))
  const routes = current.routes.slice(0, MOST_LOOKED_AT).map(glance)
  const open = routes.find((route) => route.public !== undefined && isPlain(route))
  const asks = (route: RouteConfig) => isPlain(route) && route.chain.map(glance).some(asksForKey)
  const keyed = knowsDemoKey(current) ? routes.find(asks) : undefined
  const openUrl = open && urlOfRoute(open, urls)
  const keyedUrl = keyed && urlOfRoute(keyed, urls)
  return [
    ...(openUrl === undefined ? [] : [`curl ${openUrl}`]),
    ...(keyedUrl === undefined ? [] : [`curl ${keyedUrl} -H 'x-api-key: ${DEMO_KEY}'`, `curl ${keyedUrl}`]),
    `curl ${admin}/readyz`,
  ].slice(0, 3)
}

/** Requests wait for none of this, but they share the thread with it. */
const MOST_LOOKED_AT = 500

/** The only key in the world that is no secret: that of the gateway.yaml in the box. */
const DEMO_KEY = 'demo-key'

function knowsDemoKey({ consumers }: Config): boolean {
  const hash = createHash('sha256').update(DEMO_KEY).digest('hex')
  return consumers.some(({ keys }) => keys.some((key) => key.hash === hash))
}

function asksForKey(item: ChainItem): boolean {
  return item.kind === 'plugin' && item.plugin.name === 'api-key' && item.options['header'] === 'x-api-key'
}

/** A GET needs no more than the path to get there. */
function isPlain({ match: { hosts, methods, headers, query } }: RouteConfig): boolean {
  const takesGet = methods === null || methods.includes('GET')
  return takesGet && hosts === null && headers.length === 0 && query.length === 0
}

function urlOfRoute({ match }: RouteConfig, urls: ReadonlyMap<string, string>): string | undefined {
  const [pattern] = match.paths
  const url = [...urls].find(([name]) => match.on === null || match.on.includes(name))?.[1]
  return url && pattern && url + pattern.text.replaceAll(/\{\w+\}|\*/g, '1')
}

function urlOf({ protocol, host, port }: { protocol: string; host: string; port: number }): string {
  return `${protocol}://${urlHost(reachable(host))}:${port}`
}

function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? 'localhost' : host
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
