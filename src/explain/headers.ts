/** Headers as an explanation shows them: secret values left out, what is new in each request named as such. */
import type { RequestFacts } from '../exchange/exchange.ts'
import { isSecretPart } from '../exchange/secret-parts.ts'
import { queryName, queryValue } from '../exchange/upstream-request.ts'

export interface ShownHeader {
  readonly name: string
  readonly value: string
}

export interface ChangedHeader extends ShownHeader {
  /** `added`: the client sent none of that name. `changed`: it sent another value. */
  readonly change: 'kept' | 'added' | 'changed'
}

/** In place of a secret. */
const HIDDEN = '(hidden)'
/** In place of what every request gets anew. */
const FRESH = '(new for each request)'

/** What the upstream sees beside what the client sent; `forwarded` is flat, host first. */
export function changedHeaders(
  { rawHeaders, id }: RequestFacts,
  forwarded: readonly string[],
  secrets: ReadonlySet<string>,
): { headers: ChangedHeader[]; removed: string[] } {
  const sent = valuesByName(rawHeaders)
  const left = valuesByName(forwarded)
  const headers = pairsOf(forwarded).map(({ name, value }): ChangedHeader => {
    const before = sent.get(name)
    const change = before === undefined ? 'added' : before.includes(value) ? 'kept' : 'changed'
    const fresh = (name === 'x-request-id' && value === id) || name === 'traceparent'
    return { name, value: fresh && change !== 'kept' ? FRESH : shownValue(name, value, secrets), change }
  })
  const removed = [...sent.keys()].filter((name) => !left.has(name) && !framing.has(name)).sort()
  return { headers, removed }
}

/** Sent to the upstream as its own connection needs it. */
const framing: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding'])

export function shownHeaders(raw: readonly string[], secrets: ReadonlySet<string>): ShownHeader[] {
  return pairsOf(raw).map(({ name, value }) => ({ name, value: shownValue(name, value, secrets) }))
}

/** A URL or a part of one, the values of secret parameters left out. */
export function shownQuery(url: string, secrets: ReadonlySet<string>): string {
  const start = url.indexOf('?')
  if (start === -1) return url
  const pairs = url.slice(start + 1).split('&')
  const shown = pairs.map((pair) =>
    isSecretPart('query', queryName(pair), secrets) ? `${queryName(pair)}=${HIDDEN}` : pair,
  )
  return `${url.slice(0, start)}?${shown.join('&')}`
}

/** A header's value as it may be shown. */
export function shownValue(name: string, value: string, secrets: ReadonlySet<string>): string {
  return isSecretPart('header', name, secrets) ? HIDDEN : value
}

/** Shorter values are not searched for in what others wrote: they would be found everywhere. */
const SHORTEST_SEARCHED = 6

/** Makes a function that hides the secrets which a request carries, wherever they stand in a text. */
export function secretsHidden(
  { rawHeaders, query }: RequestFacts,
  secrets: ReadonlySet<string>,
): (text: string) => string {
  const values = pairsOf(rawHeaders)
    .filter(({ name }) => isSecretPart('header', name, secrets))
    // Of `Bearer …` and `Basic …` the second word is the secret.
    .flatMap(({ value }) => [value, value.slice(value.indexOf(' ') + 1)])
  for (const pair of query.slice(1).split('&')) {
    if (isSecretPart('query', queryName(pair), secrets)) values.push(queryValue(pair))
  }
  const searched = values.filter((value) => value.length >= SHORTEST_SEARCHED)
  return (text) => searched.reduce((shown, value) => shown.replaceAll(value, HIDDEN), text)
}

function pairsOf(raw: readonly string[]): ShownHeader[] {
  const pairs: ShownHeader[] = []
  for (let i = 0; i < raw.length; i += 2) pairs.push({ name: raw[i]!.toLowerCase(), value: raw[i + 1]! })
  return pairs
}

function valuesByName(raw: readonly string[]): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const { name, value } of pairsOf(raw)) values.set(name, [...(values.get(name) ?? []), value])
  return values
}
