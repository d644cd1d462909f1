/** OpenAPI 3.0 and 3.1, and Swagger 2.0: servers, paths, methods, and who may call them. */
import { type Draft, type DraftRoute, ImportError, Names } from './draft.ts'
import { OpenapiSecurity, type Protection } from './openapi-security.ts'
import { isMap, mapOf, mapsOf, type Source, textOf, textsOf } from './source.ts'

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const

interface Operation {
  readonly method: string
  readonly name: string
  readonly protection: Protection
}

/** Throws ImportError where it is no such document. */
export function importOpenapi(source: Source): Draft {
  if (source['openapi'] === undefined && source['swagger'] === undefined)
    throw new ImportError('this is no OpenAPI document: it has neither openapi nor swagger')
  if (!isMap(source['paths'] ?? {})) throw new ImportError('`paths` is a map in an OpenAPI document, and is none here')
  const notes: string[] = []
  const server = serverOf(source, notes)
  const security = new OpenapiSecurity(source)
  const names = new Names()
  const routes = Object.entries(mapOf(source['paths'])).flatMap(([path, item]) => {
    const pattern = patternOf(server.base + path)
    const found = groups(mapOf(item), path, security)
    if (pattern !== null) return found.map((operations) => draftRoute(operations, { pattern, names }))
    notes.push(`${path} cannot be matched: everything beneath it is closed`)
    const cover = `${server.base}${path.replace(/\/[^/]*[{*?#].*$/s, '')}/*`
    return found.slice(0, 1).map((operations) => ({
      ...draftRoute(operations, { pattern: cover, names }),
      match: { paths: [cover] },
      closed: 'its path cannot be matched',
    }))
  })
  if (Object.keys(mapOf(source['webhooks'])).length > 0)
    notes.push('webhooks are not imported: they are calls to others')
  // Where two routes turn out to be one match, the later gives way: never the one that asks who calls.
  const sorted = routes.toSorted((one, other) => Number(one.public !== undefined) - Number(other.public !== undefined))
  return {
    consumers: {},
    upstreams: { api: server.url },
    plugins: ['metrics', 'access-log'],
    routes: sorted,
    notes: [...notes, ...security.notes],
  }
}

/** Operations of one path, by what they ask of clients. */
function groups(item: Source, path: string, security: OpenapiSecurity): Operation[][] {
  const found = new Map<string, Operation[]>()
  for (const method of methods) {
    if (!(method in item)) continue
    const operation = mapOf(item[method])
    const protection = security.of(operation)
    const key = JSON.stringify(protection)
    const name = textOf(operation['operationId']) ?? `${method}-${path}`
    found.set(key, [...(found.get(key) ?? []), { method: method.toUpperCase(), name, protection }])
  }
  return [...found.values()]
}

function draftRoute(
  operations: readonly Operation[],
  { pattern, names }: { pattern: string; names: Names },
): DraftRoute {
  const [{ name, protection }] = operations as [Operation]
  return {
    name: names.give(name),
    match: { paths: [pattern], methods: operations.map(({ method }) => method) },
    upstream: 'api',
    host: 'target',
    plugins: protection.items,
    public: protection.public,
    closed: protection.closed,
    notes: protection.notes,
  }
}

/** Segments that are more than one name in braces become one. Null for what no request path can be. */
function patternOf(path: string): string | null {
  const [plain = ''] = path.split(/[?#]/, 1)
  const segments = plain.split('/').map((segment, index) => {
    if (!segment.includes('{')) return segment.includes('*') ? null : segment
    const name = segment.replaceAll(/[^A-Za-z0-9_]+/g, '_').replaceAll(/^_+|_+$/g, '') || `p${index}`
    return `{${/^[0-9]/.test(name) ? `p${name}` : name}}`
  })
  return segments.includes(null) || !plain.startsWith('/')
    ? null
    : unlike(segments as string[])
        .join('/')
        .replaceAll(/\/{2,}/g, '/')
}

/** A pattern captures each name once. */
function unlike(segments: readonly string[]): string[] {
  return segments.map((segment, index) =>
    segment.startsWith('{') && segments.indexOf(segment) < index ? segment.replace('}', `_${index}}`) : segment,
  )
}

function serverOf(source: Source, notes: string[]): { readonly url: string; readonly base: string } {
  const written = source['swagger'] === undefined ? openapiServer(source) : swaggerServer(source)
  if (mapsOf(source['servers']).length > 1) notes.push('only the first server is imported')
  const parsed = URL.canParse(written) ? new URL(written) : null
  const usable = parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.hostname !== ''
  const base = (usable ? parsed.pathname : written.startsWith('/') ? written : '').replace(/\/+$/, '')
  if (usable) return { url: parsed.origin, base }
  notes.push('no server has an address: set UPSTREAM_URL, or write one under `upstreams`')
  return { url: `\${env:UPSTREAM_URL:-http://127.0.0.1:3000}`, base }
}

function openapiServer(source: Source): string {
  const [server] = mapsOf(source['servers'])
  const variables = mapOf(server?.['variables'])
  const url = textOf(server?.['url']) ?? '/'
  return url.replaceAll(/\{([^}]+)\}/g, (_, name: string) => textOf(mapOf(variables[name])['default']) ?? name)
}

function swaggerServer(source: Source): string {
  const host = textOf(source['host'])
  const base = textOf(source['basePath']) ?? ''
  const schemes = textsOf(source['schemes'])
  return host === undefined
    ? base || '/'
    : `${schemes.includes('https') || schemes.length === 0 ? 'https' : 'http'}://${host}${base}`
}
