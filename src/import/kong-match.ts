/** What a route of Kong's matches, as far as it can be said here. */
import type { DraftItem, DraftRoute } from './draft.ts'
import { isMap, mapOf, mapsOf, type Source, textOf, textsOf } from './source.ts'

export type KongMatch =
  | { readonly skipped: string }
  | {
      readonly match: DraftRoute['match']
      /** Paths without anything beneath them. */
      readonly exact: boolean
      /** Conditions that a plugin holds to. */
      readonly items: readonly DraftItem[]
      readonly closed: string | undefined
      /** Part of what it matches cannot be said. `empty`: nothing of it can. */
      readonly incomplete: {
        readonly reason: string
        readonly empty: boolean
        readonly cover: DraftRoute['match']
      } | null
      readonly notes: readonly string[]
    }

/** `regexMark`: from format 3.0 on a regular expression begins with `~`. */
export function kongMatch(route: Source, regexMark: boolean): KongMatch {
  const notes: string[] = []
  const protocols = textsOf(route['protocols'])
  const plain = protocols.filter((name) => name === 'http' || name === 'https')
  if (protocols.length > 0 && plain.length === 0) return { skipped: `it is for ${protocols.join(', ')}` }
  if (protocols.length > 0 && !plain.includes('http'))
    notes.push('Kong takes this over https only: serve it there alone')
  const hosts = hostsOf(textsOf(route['hosts']), notes)
  const { patterns, unmatched } = pathsOf(textsOf(route['paths']), { regexMark, notes })
  const missing = [
    ...(hosts.length < new Set(textsOf(route['hosts'])).size ? ['a host'] : []),
    ...(unmatched.length > 0 ? ['a path'] : []),
    ...(textOf(route['expression']) === undefined ? [] : ['its expression']),
    ...(route['snis'] == null ? [] : ['the name of the TLS connection']),
  ]
  const sources = mapsOf(route['sources'])
  const addresses = sources.flatMap(({ ip }) => textOf(ip) ?? [])
  const methods = textsOf(route['methods']).filter((method) => method !== 'CONNECT' && method !== 'TRACE')
  if (textsOf(route['methods']).length > 0 && methods.length === 0) return { skipped: 'its methods are never taken' }
  const headers = headersOf(route)
  return {
    match: {
      ...(hosts.length === 0 ? {} : { hosts }),
      paths: patterns.map(({ text }) => text),
      ...(methods.length === 0 ? {} : { methods: [...new Set(methods.map((method) => method.toUpperCase()))] }),
      ...(headers === undefined ? {} : { headers }),
    },
    exact: patterns.every(({ exact }) => exact),
    items: sources.length > 0 && addresses.length === sources.length ? [{ 'ip-filter': { allow: addresses } }] : [],
    closed:
      addresses.length < sources.length || route['destinations'] !== undefined
        ? 'it matches by ports or by its own address'
        : undefined,
    incomplete:
      missing.length === 0
        ? null
        : {
            reason: `${missing.join(' and ')} cannot be matched`,
            empty: hosts.length === 0 || patterns.length === 0 || missing.length > Number(unmatched.length > 0),
            // Everything that the route might take: closed, it keeps such requests from other routes.
            cover: {
              ...(missing.includes('a host') || hosts.length === 0 ? {} : { hosts }),
              paths: [...new Set([...patterns.map(({ text }) => text), ...unmatched])],
            },
          },
    notes,
  }
}

function hostsOf(hosts: readonly string[], notes: string[]): string[] {
  const usable = hosts.flatMap((host) => {
    const bare = host.toLowerCase().replace(/:[0-9]+$/, '')
    if (bare !== host) notes.push(`host ${host} is matched as ${bare}`)
    if (!/^(\*\.)?[a-z0-9_.-]+$/.test(bare)) {
      notes.push(`host ${host} is left out: a wildcard stands at the beginning, before a dot`)
      return []
    }
    return [bare]
  })
  return [...new Set(usable)]
}

interface Pattern {
  readonly text: string
  readonly exact: boolean
}

interface Paths {
  readonly patterns: readonly Pattern[]
  /** What those that are no pattern lie beneath. */
  readonly unmatched: readonly string[]
}

function pathsOf(paths: readonly string[], { regexMark, notes }: { regexMark: boolean; notes: string[] }): Paths {
  if (paths.length === 0) return { patterns: [{ text: '/*', exact: false }], unmatched: [] }
  const unmatched: string[] = []
  const patterns = paths.flatMap((path) => {
    const isRegex = regexMark ? path.startsWith('~') : !/^[A-Za-z0-9\-_.~/%]*$/.test(path)
    const pattern = isRegex ? patternOfRegex(path.replace(/^~/, '')) : prefixOf(path)
    if (pattern === null) {
      notes.push(`path ${path} is left out: it is no pattern of whole segments`)
      unmatched.push(coverOf(path))
    }
    if (pattern !== null && isRegex) notes.push(`path ${path} is matched as ${pattern.text}`)
    return pattern ?? []
  })
  const unlike = patterns.some(({ exact }) => exact !== patterns[0]!.exact)
  if (unlike) notes.push('some of its paths are exact in Kong; here all of them take what is beneath them')
  const alike = unlike ? patterns.map(({ text, exact }) => (exact ? prefixOf(text)! : { text, exact })) : patterns
  const texts = new Set(alike.map(({ text }) => text))
  return { patterns: [...texts].map((text) => ({ text, exact: alike[0]!.exact })), unmatched }
}

/** Kong's prefix `/a` takes `/abc` too; here it ends at a slash. */
function prefixOf(path: string): Pattern | null {
  if (!path.startsWith('/')) return null
  return { text: `${path.replace(/\/+$/, '')}/*`, exact: false }
}

/** `/users/(?<id>\d+)$` is `/users/{id}`. Null for what spans segments. */
function patternOfRegex(source: string): Pattern | null {
  const exact = source.endsWith('$')
  const body = source
    .replace(/^\^/, '')
    .replace(/\$$/, '')
    .replace(/\/?\(?\.\*\)?$/, '')
  const open = body !== source.replace(/^\^/, '').replace(/\$$/, '')
  if (!body.startsWith('/') && body !== '') return null
  const segments: string[] = []
  for (const [index, segment] of body.split('/').slice(1).entries()) {
    if (/^[A-Za-z0-9_~%-]*$/.test(segment.replaceAll('\\.', '').replaceAll('\\-', ''))) {
      segments.push(segment.replaceAll('\\', ''))
      continue
    }
    const [, name] = /^\(\?P?<(\w+)>/.exec(segment) ?? []
    const whole = /^\((\?P?<\w+>)?(\\[dw]|\[[^\][]*\]|\.|[A-Za-z0-9_|-])+[+*]?(\{[0-9,]+\})?\)$/.test(segment)
    const bare = /^(\\[dw]|\[[^\][]*\])[+*]?(\{[0-9,]+\})?$/.test(segment)
    if (!whole && !bare) return null
    segments.push(`{${name ?? `p${index}`}}`)
  }
  const path = `/${segments.join('/')}`.replace(/\/+$/, '')
  return exact && !open ? { text: path || '/', exact: true } : { text: `${path}/*`, exact: false }
}

function headersOf(route: Source): object | undefined {
  if (!isMap(route['headers'])) return undefined
  const entries = Object.entries(mapOf(route['headers'])).map(([name, values]) => {
    const [first = '', ...more] = textsOf(values)
    return [
      name.toLowerCase(),
      first.startsWith('~*') && more.length === 0 ? { regex: `(?i).*(${first.slice(2)}).*` } : [first, ...more],
    ]
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** `~^/admin/.*\\.php$` lies beneath `/admin/*`. */
function coverOf(path: string): string {
  const segments = path
    .replace(/^~?\^?/, '')
    .split('/')
    .slice(1, -1)
  const first = segments.findIndex((segment) => !/^[A-Za-z0-9_~-]+$/.test(segment))
  const literal = first === -1 ? segments : segments.slice(0, first)
  return `${literal.map((segment) => `/${segment}`).join('')}/*`
}
