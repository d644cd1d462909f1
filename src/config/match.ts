/**
 * What a match says, as text: methods, hosts and path patterns, normalised as requests are (CONTRACT, "Matching").
 * Pure: no positions, no other routes.
 */
import { METHODS } from 'node:http'
import { domainToASCII } from 'node:url'
import ipaddr from 'ipaddr.js'
import { normalizePath } from '../exchange/path.ts'
import type { PathPattern, PathSegment } from './config.ts'
import { suggest } from './suggest.ts'

export interface MatchProblem {
  readonly problem: string
  readonly suggestion?: string | undefined
  readonly code?: 'port-in-match'
}

export interface ShortMatch {
  readonly methods: readonly string[] | null
  readonly host: string | null
  readonly path: PathPattern
}

export interface PatternOptions {
  /** `keep`: runs of `/` are part of the pattern. */
  readonly slashes: 'merge' | 'keep'
}

/** Takes `[METHOD{,METHOD} ][host][path]` apart. */
export function parseShortMatch(text: string, options: PatternOptions): ShortMatch | MatchProblem {
  const parts = text.split(' ')
  if (text === '' || parts.length > 2 || parts.includes('')) {
    return { problem: 'expected `[METHODS ][host][/path]` with one blank at most' }
  }
  const place = parts.at(-1)!
  if (parts.length === 1 && METHODS.includes(place)) {
    return { problem: `${place} alone would be a host`, suggestion: `write "${place} /*"` }
  }
  const methods = parts.length === 1 ? null : parseMethods(parts[0]!.split(','))
  if (isProblem(methods)) return methods
  const slash = place.indexOf('/')
  const hostText = slash === -1 ? place : place.slice(0, slash)
  const host = hostText === '' ? null : parseHost(hostText)
  if (isProblem(host)) return host
  const path = parsePattern(slash === -1 ? '/*' : place.slice(slash), options)
  return isProblem(path) ? path : { methods, host, path }
}

export function isProblem(value: unknown): value is MatchProblem {
  return typeof value === 'object' && value !== null && 'problem' in value
}

export function parseMethods(methods: readonly string[]): readonly string[] | MatchProblem {
  for (const method of methods) {
    const problem = methodProblem(method)
    if (problem !== null) return problem
  }
  return [...new Set(methods)]
}

/** Why this is no method that a route may have; null when it is one. */
export function methodProblem(method: string): MatchProblem | null {
  if (method === 'CONNECT' || method === 'TRACE') return { problem: `${method} is always answered 405` }
  if (METHODS.includes(method)) return null
  const upper = method.toUpperCase()
  if (METHODS.includes(upper))
    return { problem: `methods are upper case, "${method}" is not`, suggestion: `write ${upper}` }
  const best = suggest(upper, METHODS)
  return { problem: `"${method}" is no method`, suggestion: best && `did you mean "${best}"?` }
}

/** Lower case, A-labels, without trailing dot; addresses in their shortest form. */
export function parseHost(text: string): string | MatchProblem {
  if (text.startsWith('[')) return parseAddress(text)
  if (/:\d*$/.test(text)) {
    return {
      code: 'port-in-match',
      problem: 'hosts are matched without port',
      suggestion: 'use `on:` with the name of a listener',
    }
  }
  const host = text.toLowerCase().replace(/\.$/, '')
  if (/[^\x00-\x7f]/.test(host)) {
    const ascii = domainToASCII(host.replace(/^\*\./, ''))
    const written = host.startsWith('*.') ? `*.${ascii}` : ascii
    return { problem: 'hosts are written in ASCII', suggestion: ascii === '' ? undefined : `write ${written}` }
  }
  if (text === '*') return { problem: '`*` is no host', suggestion: 'leave the host away to match every one' }
  const name = host.startsWith('*.') ? host.slice(2) : host
  if (/^[\d.]+$/.test(name) || /(^|\.)\d+$/.test(name)) return name === host ? parseAddress(name) : notAHost(text)
  const labels = name.split('.')
  const valid = name.length <= 253 && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))
  return valid ? host : notAHost(text)
}

function notAHost(text: string): MatchProblem {
  return { problem: `"${text}" is no host: a name, *.name, an IPv4 address or [IPv6]` }
}

function parseAddress(text: string): string | MatchProblem {
  const [, inside, after] = /^\[([^\]]*)\](.*)$/.exec(text) ?? []
  if (inside === undefined) return ipaddr.IPv4.isValidFourPartDecimal(text) ? text : notAHost(text)
  if (after !== '') return after!.startsWith(':') ? parseHost('a:1') : notAHost(text)
  if (inside.includes('%') || !ipaddr.IPv6.isValid(inside)) return notAHost(text)
  // As WHATWG URLs write it, which is how requests are compared.
  return new URL(`http://[${inside}]`).hostname
}

/** A path pattern, normalised like request paths. */
export function parsePattern(text: string, { slashes }: PatternOptions): PathPattern | MatchProblem {
  if (!text.startsWith('/')) return { problem: `a path starts with "/", "${text}" does not` }
  if (text.includes('?'))
    return { problem: 'a path has no "?"', suggestion: 'conditions on the query are `query: { name: value }`' }
  if (text.includes('#')) return { problem: 'a path has no "#"' }
  if (/%2f/i.test(text))
    return { problem: 'a pattern has no %2F', suggestion: '`encodedSlash: keep` lets `*` and {name} take it' }
  const dotted = text.split('/').find((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))
  if (dotted !== undefined) return { problem: `a pattern has no "${dotted}" segment` }
  // Requests carry these bytes percent-encoded, or not at all.
  const encoded = text.replaceAll(/[ \x80-\uffff]+/g, (run) => encodeURIComponent(run.toWellFormed()))
  const normal = normalizePath(encoded)
  if (typeof normal === 'string') return { problem: `no request has this path: ${lowerFirst(normal)}` }
  return patternOf(slashes === 'keep' ? (normal.kept ?? normal.path) : normal.path)
}

function patternOf(path: string): PathPattern | MatchProblem {
  const parts = path.slice(1).split('/')
  const wildcard = parts.at(-1) === '*'
  const segments: PathSegment[] = []
  const names = new Set<string>()
  for (const part of wildcard ? parts.slice(0, -1) : parts) {
    const name = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(part)?.[1]
    if (name === undefined) {
      const problem = literalProblem(part)
      if (problem !== null) return problem
      segments.push({ literal: part })
      continue
    }
    if (names.has(name)) return { problem: `{${name}} is there twice` }
    names.add(name)
    segments.push({ parameter: name })
  }
  return { text: path, segments, wildcard }
}

function literalProblem(segment: string): MatchProblem | null {
  if (segment.includes('*'))
    return { problem: '`*` stands only as the last segment', suggestion: 'one segment in between is {name}' }
  if (!/[{}]/.test(segment)) return null
  return {
    problem: `{name} stands only as a whole segment, "${segment}" is none`,
    suggestion: 'a literal brace is %7B or %7D',
  }
}

export function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '')
}

/** Equal for two patterns that cover the same paths. */
export function patternKey({ segments, wildcard }: PathPattern): string {
  const parts = segments.map((segment) => ('literal' in segment ? segment.literal : '{}'))
  return `/${[...parts, ...(wildcard ? ['*'] : [])].join('/')}`
}
