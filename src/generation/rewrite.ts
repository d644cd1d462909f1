/** `rewrite`: the path that an upstream sees, filled from what the match captured. */
import type { Exchange } from '../exchange/exchange.ts'
import { queryName } from '../exchange/upstream-request.ts'
import { Problem } from '../problem.ts'

export interface RewrittenTarget {
  readonly path: string
  readonly query: string
}

/** Compiles a template such as `/v1/orders/*` or `/items?id={id}` into a function of the exchange. */
export function compileRewrite(template: string): (exchange: Exchange) => RewrittenTarget {
  const mark = template.indexOf('?')
  const pathTemplate = mark === -1 ? template : template.slice(0, mark)
  const parameters = mark === -1 ? [] : template.slice(mark + 1).split('&')
  return (exchange) => {
    const { captures, facts } = exchange
    const path = fillPath(pathTemplate, captures, facts.path)
    if (/\/\/|\/\.{1,2}(\/|$)/.test(path)) {
      throw new Problem('bad-request', 'The rewritten path has empty or dot segments.')
    }
    return {
      path,
      query: setParameters(
        facts.query,
        parameters.map((pair) => fill(pair, captures, asQueryValue)),
      ),
    }
  }
}

/** `/v1/*` of a request for the bare prefix is `/v1`, of one with a trailing slash `/v1/`. */
function fillPath(template: string, captures: Readonly<Record<string, string>>, requested: string): string {
  const path = fill(template, captures)
  const bare = captures['*'] === '' && !requested.endsWith('/')
  return bare && template.endsWith('/*') && path.length > 1 ? path.slice(0, -1) : path
}

function fill(template: string, captures: Readonly<Record<string, string>>, spelt = asIs): string {
  return template.replaceAll(/\{([A-Za-z_][A-Za-z0-9_]*)\}|\*/g, (whole, name: string | undefined) => {
    const value = captures[name ?? '*']
    return value === undefined ? whole : spelt(value)
  })
}

function asIs(value: string): string {
  return value
}

/** Attack: the segment `5&role=admin` is one value; `&` and its kin mean nothing in a path and everything in a query. */
function asQueryValue(value: string): string {
  return value.replaceAll(/[&;=+]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function setParameters(query: string, parameters: readonly string[]): string {
  if (parameters.length === 0) return query
  const names = new Set(parameters.map(queryName))
  const kept =
    query === ''
      ? []
      : query
          .slice(1)
          .split('&')
          .filter((pair) => !names.has(queryName(pair)))
  return `?${[...kept, ...parameters].join('&')}`
}
