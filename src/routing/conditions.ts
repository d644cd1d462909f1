/** The header and query conditions of a match. */
import { RE2JS } from 're2js'
import type { FieldCondition, MatchConfig } from '../config/config.ts'
import type { RequestFacts } from '../exchange/exchange.ts'
import { valuesOf } from '../exchange/headers.ts'
import { queryName, queryValue } from '../exchange/upstream-request.ts'

export interface Condition {
  /** For people: `header x-tier`. */
  readonly text: string
  holds(facts: RequestFacts): boolean
}

const none: readonly Condition[] = Object.freeze([])

export function compileConditions(match: MatchConfig): readonly Condition[] {
  if (match.headers.length === 0 && match.query.length === 0) return none
  return [
    ...match.headers.map((field) => compile(field, 'header', (facts) => valuesOf(facts.rawHeaders, field.name))),
    ...match.query.map((field) => compile(field, 'query', (facts) => queryValues(facts.query, field.name))),
  ]
}

function compile(field: FieldCondition, kind: string, valuesIn: (facts: RequestFacts) => string[]): Condition {
  const accepts = tester(field.test)
  return { text: `${kind} ${field.name}`, holds: (facts) => valuesIn(facts).some(accepts) }
}

function tester(test: FieldCondition['test']): (value: string) => boolean {
  switch (test.kind) {
    case 'present':
      return () => true
    case 'any-of': {
      const values = new Set(test.values)
      return (value) => values.has(value)
    }
    case 'prefix':
      return (value) => value.startsWith(test.prefix)
    case 'regex': {
      // RE2 is linear in the input: a client cannot make an operator's pattern slow.
      const pattern = RE2JS.compile(test.source)
      return (value) => pattern.matches(value)
    }
  }
}

function queryValues(query: string, name: string): string[] {
  if (query === '') return []
  return query
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && queryName(pair) === name)
    .map(queryValue)
}
