/** What a route does with its requests: forward them, answer itself, or redirect. */
import { isFieldValue, isToken } from '../exchange/headers.ts'
import type { MatchConfig, RouteAction } from './config.ts'
import type { Path } from './document.ts'
import { isProblem, parseHost } from './match.ts'
import type { RawRoute } from './raw.ts'
import type { Reading } from './reading.ts'
import { readShares, readSplitKey } from './split.ts'
import { didYouMean, someMeant } from './suggest.ts'
import { readFallback } from './upstream-failure.ts'
import type { Upstreams } from './upstreams.ts'

export interface ActionSource {
  readonly name: string
  readonly raw: RawRoute
  readonly match: MatchConfig | null
  readonly upstreams: Upstreams
}

const actions = ['upstream', 'respond', 'redirect'] as const

/** The one action of a route; null when it was reported. */
export function readAction(reading: Reading, source: ActionSource): RouteAction | null {
  const { document, findings } = reading
  const path: Path = ['routes', source.name]
  const [action, second] = actions.filter((key) => document.has([...path, key]))
  if (action === undefined) {
    // A misspelt action has been reported as the unknown key it is.
    if (someMeant(document.keysOf(path), actions)) return null
    const suggestion = 'say where its requests go: `upstream`, `respond` or `redirect`'
    findings.error('route-action', document.keyPlace(path), {
      message: `route ${source.name} does nothing`,
      suggestion,
    })
    return null
  }
  if (second !== undefined) {
    const message = `a route has one of upstream, respond and redirect: ${action} is here too, on line ${document.keyPlace([...path, action]).at.line}`
    findings.error('route-action', document.keyPlace([...path, second]), message)
    return null
  }
  if (action === 'upstream') return readForward(reading, source)
  for (const key of ['rewrite', 'host', 'split', 'fallback'] as const) {
    if (!document.has([...path, key])) continue
    findings.error(
      'conflicting-keys',
      document.keyPlace([...path, key]),
      `\`${key}\` is about an upstream, and this route has none`,
    )
  }
  return action === 'respond' ? readRespond(reading, source) : readRedirect(reading, source)
}

function readForward(reading: Reading, source: ActionSource): RouteAction | null {
  const { name, raw, match } = source
  const { rewrite } = raw
  const host = readHost(reading, ['routes', name, 'host'], raw.host ?? 'keep')
  if (rewrite !== undefined) checkTemplate(reading, { template: rewrite, match, path: ['routes', name, 'rewrite'] })
  const shares = readShares(reading, source)
  const splitBy = readSplitKey(reading, source)
  const at: Path = ['routes', name, 'fallback']
  const alone = shares.length === 1 ? shares[0]!.upstream : null
  const fallback = readFallback(reading, { raw: raw.fallback, path: at, of: alone }, source.upstreams)
  return shares.length === 0 ? null : { kind: 'forward', upstreams: shares, splitBy, rewrite, host, fallback }
}

function readHost(reading: Reading, path: Path, text: string): 'keep' | 'target' | { readonly name: string } {
  if (text === 'keep' || text === 'target') return text
  const host = parseHost(text.replace(/:\d{1,5}$/, ''))
  if (isProblem(host) || text.startsWith('*')) {
    const message = `expected keep, target or a host, found ${reading.document.shown(path)}`
    reading.findings.error('wrong-value', reading.document.place(path), message)
  }
  return { name: text }
}

interface Template {
  readonly template: string
  readonly match: MatchConfig | null
  readonly path: Path
}

/** A template uses what every path of the match captures. */
function checkTemplate({ document, findings }: Reading, { template, match, path }: Template): void {
  const place = document.place(path)
  const [pathPart = '', query] = template.split('?')
  if (!template.startsWith('/')) findings.error('wrong-value', place, 'a rewritten path starts with "/"')
  if (
    /[#\\\s\x00-\x1f\x7f-\uffff]/.test(template) ||
    /%(?![0-9a-f]{2})/i.test(template) ||
    template.split('?').length > 2
  ) {
    findings.error('wrong-value', place, 'a rewritten path has no #, \\, blanks, second "?" or bytes above ASCII')
  }
  if (/\/\/|\/(?:\.|%2e){1,2}(?:\/|$)/i.test(pathPart)) {
    findings.error('wrong-value', place, 'a rewritten path has no empty or dot segments')
  }
  if (/[{}]/.test(template.replaceAll(/\{[A-Za-z_][A-Za-z0-9_]*\}/g, ''))) {
    findings.error('wrong-value', place, {
      message: 'braces enclose a name: {name}',
      suggestion: 'a literal brace is %7B or %7D',
    })
  }
  for (const name of match === null ? [] : usedNames(pathPart, query)) {
    const without = match!.paths.find((pattern) => !captures(pattern.segments, pattern.wildcard).has(name))
    if (without === undefined) continue
    const shown = name === '*' ? '`*`' : `{${name}}`
    const suggestion = name === '*' ? undefined : didYouMean(name, captures(without.segments, without.wildcard))
    findings.error('uncaptured-name', place, { message: `${shown} is not captured by ${without.text}`, suggestion })
  }
}

function usedNames(path: string, query = ''): Set<string> {
  const used = [...`${path}?${query}`.matchAll(/\{([A-Za-z_][A-Za-z0-9_]*)\}|\*/g)]
  return new Set(used.map((match) => match[1] ?? '*'))
}

function captures(segments: MatchConfig['paths'][number]['segments'], wildcard: boolean): Set<string> {
  const names = segments.flatMap((segment) => ('parameter' in segment ? [segment.parameter] : []))
  return new Set(wildcard ? [...names, '*'] : names)
}

/** Fields that frame or route a message are never the operator's to set. */
const ownFields = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
])

function readRespond(reading: Reading, { name, raw }: ActionSource): RouteAction | null {
  const { respond } = raw
  if (respond === undefined) return null
  const { document, findings } = reading
  const path: Path = ['routes', name, 'respond']
  const { status = 200, body } = respond
  const headers: string[] = []
  for (const [field, value] of Object.entries(respond.headers ?? {})) {
    const at = [...path, 'headers', field]
    if (!isToken(field) || ownFields.has(field.toLowerCase())) {
      findings.error('wrong-value', document.keyPlace(at), `"${field}" is no header that an answer can be given`)
    } else if (value !== undefined && !isFieldValue(value)) {
      findings.error('wrong-value', document.place(at), 'a header value has no line breaks or other control bytes')
    } else if (value !== undefined) {
      headers.push(field.toLowerCase(), value)
    }
  }
  if (body === undefined || body === null) return { kind: 'respond', status, headers, body: '' }
  if (status === 204 || status === 205 || status === 304) {
    findings.error('wrong-value', document.keyPlace([...path, 'body']), `an answer with status ${status} has no body`)
  }
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'
  if (!headers.includes('content-type')) headers.push('content-type', type)
  return { kind: 'respond', status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) }
}

function readRedirect(reading: Reading, { name, raw }: ActionSource): RouteAction | null {
  const { redirect } = raw
  if (redirect === undefined) return null
  const short = typeof redirect === 'string'
  const { location, status = 307 } = short ? { location: redirect } : redirect
  if (location === undefined) return null
  const path: Path = short ? ['routes', name, 'redirect'] : ['routes', name, 'redirect', 'location']
  // RFC 9110 §10.2.2: a URI reference. Only visible ASCII, so that it can be a header value.
  const absolute = /^https?:\/\//i.test(location) && URL.canParse(location)
  if (!/^[\x21-\x7e]+$/.test(location) || !(absolute || /^\/(?!\/)/.test(location))) {
    const message = `expected http://…, https://… or a path, found ${reading.document.shown(path)}`
    reading.findings.error('bad-url', reading.document.place(path), message)
  }
  return { kind: 'redirect', status, location }
}
