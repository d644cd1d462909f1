/** Requests that had to prove who they are, and in the new config land on a route where nobody has to. */
import type { Config, FieldCondition, MatchConfig, RouteConfig } from '../config/config.ts'
import type { LoadedConfig } from '../config/load.ts'
import { Rehearsal } from '../explain/rehearsal.ts'
import type { Change } from './change.ts'
import { isOpen } from './routes.ts'

interface Probe {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly headers: readonly string[]
  readonly listener: string | undefined
}

/**
 * What each protected route took before, asked of the new config's own router; and what each open route names now, asked of
 * the old one's. Rejects with CompileError.
 */
export async function exposedRequests(before: LoadedConfig, after: LoadedConfig): Promise<Change[]> {
  const open = new Set(after.config.routes.filter((route) => isOpen(route, after.plugins)).map(({ name }) => name))
  const closed = before.config.routes.filter((route) => !isOpen(route, before.plugins))
  if (open.size === 0 || closed.length === 0) return []
  const [was, isNow] = [await Rehearsal.open(before), await Rehearsal.open(after)]
  try {
    const changes: Change[] = []
    const exposed = new Set<string>()
    for (const route of closed) {
      // A route that is itself open now has been told of.
      const found = await strayRequest(route, open, { here: isNow, there: was, config: after.config })
      if (found === null) continue
      exposed.add(found.other)
      changes.push(exposure(route.name, found.other, found.probe))
    }
    const wasClosed = new Set(closed.map(({ name }) => name))
    for (const route of after.config.routes) {
      if (!open.has(route.name) || exposed.has(route.name)) continue
      const found = await strayRequest(route, wasClosed, { here: was, there: isNow, config: after.config })
      if (found !== null) changes.push(exposure(route.name, route.name, found.probe))
    }
    return changes
  } finally {
    for (const rehearsal of [was, isNow]) await rehearsal.close()
  }
}

interface Stray {
  readonly other: string
  readonly probe: Probe
}

/** `route`: where the request lands now. */
function exposure(name: string, route: string, { method, host, path }: Probe): Change {
  const text = `${method} ${host}${path} needed credentials, and now reaches ${route}, which asks for none`
  return { kind: 'changed', what: 'route', name, details: [{ text, weakens: 'weaker-auth' }] }
}

/** The routers of both configs. */
interface Routers {
  readonly here: Rehearsal
  readonly there: Rehearsal
  /** Of the new config: how its requests may come. */
  readonly config: Config
}

/** A request that the route's match names, which one of the others has here, and the route itself there. */
async function strayRequest(
  { name, match }: RouteConfig,
  others: ReadonlySet<string>,
  { here, there, config }: Routers,
): Promise<Stray | null> {
  for (const probe of probesOf(match, config)) {
    const other = await routeOf(here, probe)
    if (other === undefined || other === name || !others.has(other)) continue
    if ((await routeOf(there, probe)) === name) return { other, probe }
  }
  return null
}

async function routeOf(rehearsal: Rehearsal, probe: Probe): Promise<string | undefined> {
  const { method, host, path, headers, listener } = probe
  const run = await rehearsal.run({ method, url: path, headers: ['host', host || 'localhost', ...headers], listener })
  return run.exchange.route?.name
}

/** One request for each host, path and method that the match names. */
function probesOf({ on, hosts, paths, methods, headers, query }: MatchConfig, config: Config): Probe[] {
  const known = new Set<string | undefined>([undefined, ...config.listeners.map(({ name }) => name)])
  const listeners = (on ?? [undefined]).filter((name) => known.has(name))
  const sent = headers.flatMap((condition) => [condition.name, exampleOf(condition)])
  const pairs = query.map((one) => `${encodeURIComponent(one.name)}=${encodeURIComponent(exampleOf(one))}`)
  const suffix = pairs.length === 0 ? '' : `?${pairs.join('&')}`
  return listeners.flatMap((listener) =>
    (hosts ?? ['']).flatMap((host) =>
      paths.flatMap(({ text }) =>
        (methods ?? ['GET']).map((method) => ({
          method,
          host: host.replace(/^\*/, 'example'),
          path: text.replaceAll(/\{\w+\}|\*/g, '1') + suffix,
          headers: sent,
          listener,
        })),
      ),
    ),
  )
}

/** A value that the condition holds for; of patterns none is made up. */
function exampleOf({ test }: FieldCondition): string {
  if (test.kind === 'any-of') return test.values[0]!
  return test.kind === 'prefix' ? test.prefix : '1'
}
