/**
 * Routes that tie: one host, pattern and overlapping methods, equally many conditions, and nothing that tells them apart.
 * Grouped by place first, so that ten thousand routes cost no more than what they share.
 */
import { RE2JS } from 're2js'
import type { FieldCondition, MatchConfig, PathPattern, RouteConfig } from './config.ts'
import { patternKey } from './match.ts'
import type { Reading } from './reading.ts'

interface Claim {
  readonly route: RouteConfig
  readonly pattern: PathPattern
  readonly host: string | null
  readonly conditions: ReadonlyMap<string, FieldCondition['test']>
}

export function reportConflicts(reading: Reading, routes: readonly RouteConfig[], listeners: readonly string[]): void {
  const reported = new Set<RouteConfig>()
  for (const claims of claimsByPlace(routes, listeners).values()) {
    if (claims.length < 2) continue
    for (const [method, same] of byMethod(claims)) {
      findTies(same, (first, second) => {
        if (reported.has(second.route)) return
        reported.add(second.route)
        report(reading, { first, second, method })
      })
    }
  }
}

/** Claims by listener, host and pattern. */
function claimsByPlace(routes: readonly RouteConfig[], listeners: readonly string[]): Map<string, Claim[]> {
  const places = new Map<string, Claim[]>()
  for (const route of routes) {
    const { match } = route
    const conditions = conditionsOf(match)
    const patterns = match.paths.map((pattern) => ({ pattern, key: patternKey(pattern) }))
    for (const listener of match.on ?? listeners) {
      for (const host of match.hosts ?? [null]) {
        for (const { pattern, key } of patterns) {
          // A blank stands in no listener name, host or pattern.
          const place = `${listener} ${host ?? ''} ${key}`
          const claims = places.get(place)
          const claim = { route, pattern, host, conditions }
          if (claims === undefined) places.set(place, [claim])
          else if (claims.at(-1)!.route !== route) claims.push(claim)
        }
      }
    }
  }
  return places
}

const noConditions: ReadonlyMap<string, FieldCondition['test']> = new Map()

function conditionsOf({ headers, query }: MatchConfig): ReadonlyMap<string, FieldCondition['test']> {
  if (headers.length === 0 && query.length === 0) return noConditions
  return new Map([
    ...headers.map(({ name, test }) => [`header ${name}`, test] as const),
    ...query.map(({ name, test }) => [`query ${name}`, test] as const),
  ])
}

/** Claims that take one method, with equally many conditions: `*` stands for all that no route names. */
function byMethod(claims: readonly Claim[]): [string, Claim[]][] {
  const named = new Set(claims.flatMap(({ route }) => methodsOf(route.match) ?? []))
  const groups = new Map<string, [string, Claim[]]>()
  for (const claim of claims) {
    for (const method of methodsOf(claim.route.match) ?? [...named, '*']) {
      const key = `${method} ${claim.conditions.size}`
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [method, [claim]])
      else group[1].push(claim)
    }
  }
  return [...groups.values()]
}

/** GET brings HEAD along. */
export function methodsOf({ methods }: MatchConfig): readonly string[] | null {
  return methods?.includes('GET') ? [...new Set([...methods, 'HEAD'])] : methods
}

type Tie = (first: Claim, second: Claim) => void

/** Splits by the values of a condition that all have; what is left is compared one by one, each until its first tie. */
function findTies(claims: readonly Claim[], found: Tie, split: ReadonlySet<string> = new Set()): void {
  if (claims.length < 2) return
  const name = commonValues(claims, split)
  if (name !== undefined) {
    const done = new Set([...split, name])
    for (const group of byValue(claims, name).values()) findTies(group, found, done)
    return
  }
  for (const [index, second] of claims.entries()) {
    const first = claims.slice(0, index).find((other) => !areDisjoint(other, second))
    if (first !== undefined) found(first, second)
  }
}

function commonValues(claims: readonly Claim[], split: ReadonlySet<string>): string | undefined {
  for (const name of claims[0]!.conditions.keys()) {
    if (!split.has(name) && claims.every(({ conditions }) => conditions.get(name)?.kind === 'any-of')) return name
  }
  return undefined
}

function byValue(claims: readonly Claim[], name: string): Map<string, Claim[]> {
  const groups = new Map<string, Claim[]>()
  for (const claim of claims) {
    const test = claim.conditions.get(name)
    for (const value of test?.kind === 'any-of' ? new Set(test.values) : []) {
      const group = groups.get(value)
      if (group === undefined) groups.set(value, [claim])
      else group.push(claim)
    }
  }
  return groups
}

function areDisjoint(one: Claim, other: Claim): boolean {
  for (const [name, test] of one.conditions) {
    const against = other.conditions.get(name)
    if (against !== undefined && excludes(test, against)) return true
  }
  return false
}

/** No one value passes both. Two patterns are taken to overlap: nobody can see that they do not. */
function excludes(one: FieldCondition['test'], other: FieldCondition['test']): boolean {
  if (other.kind === 'any-of' && one.kind !== 'any-of') return excludes(other, one)
  if (one.kind === 'any-of') return !one.values.some((value) => passes(value, other))
  if (one.kind === 'prefix' && other.kind === 'prefix') {
    return !one.prefix.startsWith(other.prefix) && !other.prefix.startsWith(one.prefix)
  }
  return false
}

function passes(value: string, test: FieldCondition['test']): boolean {
  switch (test.kind) {
    case 'present':
      return true
    case 'any-of':
      return test.values.includes(value)
    case 'prefix':
      return value.startsWith(test.prefix)
    case 'regex':
      return RE2JS.compile(test.source).matches(value)
  }
}

function report(reading: Reading, { first, second, method }: { first: Claim; second: Claim; method: string }): void {
  const { document, findings } = reading
  const place = document.place(['routes', second.route.name, 'match'])
  const { at } = document.place(['routes', first.route.name, 'match'])
  const related = [{ at, message: `route ${first.route.name}` }]
  if (matchKey(first.route.match) === matchKey(second.route.match)) {
    const message = `route ${second.route.name} matches the same requests as route ${first.route.name}, on line ${at.line}`
    findings.error('duplicate-route', place, { message, related })
    return
  }
  const requests = `${method === '*' ? '' : `${method} `}${second.host ?? ''}${second.pattern.text}`
  findings.error('ambiguous-routes', place, {
    message: `${requests} is also matched by route ${first.route.name}, on line ${at.line}, with equally many conditions`,
    suggestion: 'tell them apart by methods, or by different values of one header or query name',
    related,
  })
}

/** Equal for matches that mean the same. */
function matchKey({ on, hosts, paths, methods, headers, query }: MatchConfig): string {
  const fields = [headers, query].map((conditions) => conditions.map((one) => JSON.stringify(one)).toSorted())
  return JSON.stringify([
    on?.toSorted(),
    hosts?.toSorted(),
    paths.map(patternKey).toSorted(),
    methods?.toSorted(),
    fields,
  ])
}
