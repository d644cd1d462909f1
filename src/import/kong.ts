/** Kong's declarative format, 1.1 to 3.0: services, routes, plugins of every scope, consumers, upstreams. */
import { createHash } from 'node:crypto'
import { type Draft, type DraftRoute, ImportError, Names } from './draft.ts'
import { kongMatch } from './kong-match.ts'
import { KongPlugins } from './kong-plugins.ts'
import { type KongUpstream, kongUpstream } from './kong-upstream.ts'
import { asWritten, isPlaceholder, mapOf, mapsOf, type Source, textOf, textsOf } from './source.ts'

/** Throws ImportError where it is no file of Kong's. */
export function importKong(source: Source): Draft {
  const version = source['_format_version']
  if (version === undefined && source['services'] === undefined && source['routes'] === undefined)
    throw new ImportError('this is no declarative file of Kong: it has no _format_version, services or routes')
  for (const key of ['services', 'routes', 'consumers', 'plugins', 'upstreams']) {
    const value = source[key] ?? []
    if (!Array.isArray(value))
      throw new ImportError(`\`${key}\` is a list in a declarative file of Kong, and is none here`)
  }
  const notes: string[] = []
  const consumers = consumersOf(source, notes)
  const plugins = new KongPlugins(source, consumers.jwt)
  const names = new Names()
  const upstreams: Record<string, unknown> = {}
  const routes: DraftRoute[] = []
  for (const { service, route } of routesOf(source)) {
    const upstream = service === null ? undefined : kongUpstream(service, source)
    if (upstream?.closed === undefined && upstream !== undefined) upstreams[upstream.name] = upstream.value
    const name = names.give(textOf(route['name']) ?? textOf(service?.['name']) ?? 'route')
    routes.push(
      ...draftRoute(name, { route, service, upstream, plugins, regexMark: String(version).startsWith('3') }, notes),
    )
  }
  for (const plugin of plugins.scopedToConsumers) notes.push(plugin)
  return {
    consumers: consumers.values,
    upstreams,
    plugins: ['metrics', 'access-log'],
    routes,
    notes: [...new Set(notes)],
  }
}

interface Parts {
  readonly route: Source
  readonly service: Source | null
  readonly upstream: KongUpstream | undefined
  readonly plugins: KongPlugins
  readonly regexMark: boolean
}

function draftRoute(name: string, parts: Parts, notes: string[]): DraftRoute[] {
  const { route, service, upstream, plugins, regexMark } = parts
  const match = kongMatch(route, regexMark)
  if ('skipped' in match) {
    notes.push(`route ${name} is left out: ${match.skipped}`)
    return []
  }
  const chain = plugins.chainFor(route, service)
  const { incomplete } = match
  const guarded =
    chain.authenticates || chain.closed !== undefined || match.closed !== undefined || match.items.length > 0
  if (incomplete?.empty === true && !guarded) {
    notes.push(`route ${name} is left out: ${incomplete.reason}`)
    return []
  }
  const disabled = service?.['enabled'] === false ? 'its service is disabled' : undefined
  const unreachable =
    upstream === undefined
      ? 'it has no service'
      : (disabled ?? upstream.closed ?? unjoined(route, match.match, upstream.path))
  const missing = chain.respond === undefined ? unreachable : undefined
  // A part of it that is left out would fall to other routes, which may ask for less.
  const partly = guarded ? incomplete?.reason : undefined
  return [
    {
      name,
      match: partly === undefined ? match.match : incomplete!.cover,
      upstream: upstream?.name ?? '',
      ...(chain.respond === undefined ? {} : { respond: chain.respond }),
      ...rewriteOf(route, match, upstream?.path ?? ''),
      ...(route['preserve_host'] === true ? {} : { host: 'target' }),
      plugins: [...match.items, ...chain.items],
      public: chain.authenticates ? undefined : 'nothing in the file of Kong asks who calls',
      closed: partly ?? missing ?? match.closed ?? chain.closed,
      notes: [...match.notes, ...chain.notes, ...(upstream?.notes ?? [])],
    },
  ]
}

function unjoined(route: Source, { paths }: DraftRoute['match'], path: string): string | undefined {
  const joins = route['strip_path'] !== false || path === '' || paths.length === 1
  return joins ? undefined : 'it keeps several paths behind the path of its service: make a route of each'
}

/** The path of the service stands in front, in place of what the route matched, or before it. */
function rewriteOf(
  route: Source,
  { match, exact }: { readonly match: DraftRoute['match']; readonly exact: boolean },
  path: string,
): { readonly rewrite?: string } {
  if (route['strip_path'] !== false) return { rewrite: exact ? path || '/' : `${path}/*` }
  return path === '' ? {} : { rewrite: `${path}${match.paths[0]}` }
}

function* routesOf(source: Source): Generator<{ readonly service: Source | null; readonly route: Source }> {
  const services = mapsOf(source['services'])
  for (const service of services) for (const route of mapsOf(service['routes'])) yield { service, route }
  for (const route of mapsOf(source['routes'])) {
    const name = referenced(route['service'])
    yield { service: services.find((one) => one['name'] === name || one['id'] === name) ?? null, route }
  }
}

/** `service: orders`, `service: { name: orders }`, `service: { id: … }`. */
export function referenced(value: unknown): string | undefined {
  return textOf(value) ?? textOf(mapOf(value)['name']) ?? textOf(mapOf(value)['id']) ?? textOf(mapOf(value)['username'])
}

export interface JwtCredential {
  readonly issuer: string
  readonly credential: Source
}

function consumersOf(source: Source, notes: string[]) {
  const values: Record<string, object> = {}
  const jwt: JwtCredential[] = []
  const names = new Names()
  const seen = new Set<string>()
  for (const consumer of mapsOf(source['consumers'])) {
    const called = textOf(consumer['username']) ?? textOf(consumer['custom_id']) ?? 'consumer'
    const name = names.give(called)
    const own = (kind: string) => [
      ...mapsOf(consumer[kind]),
      ...mapsOf(source[kind]).filter((one) => referenced(one['consumer']) === called),
    ]
    const restricted = KongPlugins.restricting(consumer, source)
    if (restricted !== null)
      notes.push(`consumer ${name} gets no credentials: its plugin ${restricted} cannot be imported`)
    const keys = own('keyauth_credentials').flatMap(({ key }) => textOf(key) ?? [])
    for (const key of keys.filter(isPlaceholder)) notes.push(placeholderNote(name, asWritten(key)))
    const usable = keys.filter((key) => !isPlaceholder(key) && !seen.has(key) && restricted === null)
    const fresh = [...new Set(usable)]
    for (const key of fresh) seen.add(key)
    const tokens = restricted === null ? own('jwt_secrets').filter((one) => textOf(one['key']) !== undefined) : []
    jwt.push(...tokens.map((credential) => ({ issuer: textOf(credential['key'])!, credential })))
    const issuer = textOf(tokens[0]?.['key'])
    if (tokens.length > 1)
      notes.push(`consumer ${name} has several token issuers; only tokens of the first are its own`)
    const groups = own('acls').flatMap(({ group }) => textOf(group) ?? [])
    for (const kind of ['basicauth_credentials', 'hmacauth_credentials', 'oauth2_credentials'])
      if (own(kind).length > 0) notes.push(`consumer ${name}: its ${kind} are not imported`)
    values[name] = {
      ...(groups.length === 0 ? {} : { groups: [...new Set(groups)] }),
      // The name of a consumer is the claim that Kong tells consumers apart by: the issuer itself.
      ...(issuer === undefined ? {} : { jwt: { issuer, sub: issuer } }),
      ...(fresh.length === 0 ? {} : { keys: fresh.map(hashOf) }),
    }
  }
  if (textsOf(source['consumer_groups']).length + mapsOf(source['consumer_groups']).length > 0)
    notes.push('consumer_groups are not imported')
  return { values, jwt }
}

function placeholderNote(consumer: string, key: string): string {
  const hint = `write the hash of the real one under its \`keys\`, or make one with \`sluice key new ${consumer}\``
  return `consumer ${consumer}: the key ${key} is a placeholder, and is left out: ${hint}`
}

/** Keys are kept as hashes only. */
function hashOf(key: string): string {
  return `sha256:${createHash('sha256').update(asWritten(key)).digest('hex')}`
}
