/**
 * Warns where a route names a method and never sees it on some paths: another route has the more exact pattern there, does
 * not allow the method, and answers 405, because no request falls through to a less specific pattern.
 */
import type { PathPattern, RouteConfig } from './config.ts'
import { methodsOf } from './conflicts.ts'
import { patternKey } from './match.ts'
import type { Reading } from './reading.ts'

/** All routes of one pattern. */
interface Place {
  readonly pattern: PathPattern
  readonly routes: RouteConfig[]
}

/** Patterns as a tree of segments; `{}` is any one, `*` the rest. */
interface Node {
  readonly children: Map<string, Node>
  place: Place | null
}

export function reportShadowed(reading: Reading, routes: readonly RouteConfig[], listeners: readonly string[]): void {
  for (const root of trees(routes, listeners).values()) {
    visit(root, (place) => {
      const allowed = allowedMethods(place)
      const covering = allowed === null ? null : nearest(root, partsOf(place.pattern), place)
      for (const route of covering?.routes ?? []) warn(reading, { route, place, allowed: allowed! })
    })
  }
}

function trees(routes: readonly RouteConfig[], listeners: readonly string[]): Map<string, Node> {
  const roots = new Map<string, Node>()
  for (const route of routes) {
    for (const listener of route.match.on ?? listeners) {
      for (const host of route.match.hosts ?? ['']) {
        const key = `${listener} ${host}`
        const root = roots.get(key) ?? createNode()
        roots.set(key, root)
        for (const pattern of route.match.paths) insert(root, pattern, route)
      }
    }
  }
  return roots
}

function createNode(): Node {
  return { children: new Map(), place: null }
}

function insert(root: Node, pattern: PathPattern, route: RouteConfig): void {
  let node = root
  for (const part of partsOf(pattern)) {
    let child = node.children.get(part)
    if (child === undefined) {
      child = createNode()
      node.children.set(part, child)
    }
    node = child
  }
  node.place ??= { pattern, routes: [] }
  node.place.routes.push(route)
}

function partsOf(pattern: PathPattern): string[] {
  return patternKey(pattern).slice(1).split('/')
}

function visit(node: Node, found: (place: Place) => void): void {
  if (node.place !== null) found(node.place)
  for (const child of node.children.values()) visit(child, found)
}

/** The methods of a place; null where it takes all, or hands on what it does not take. */
function allowedMethods({ routes }: Place): Set<string> | null {
  const methods = new Set<string>()
  for (const { match, fallthrough } of routes) {
    const named = methodsOf(match)
    if (named === null || fallthrough) return null
    for (const method of named) methods.add(method)
  }
  return methods
}

/** The place that all requests of another one would go to if that were not there. */
function nearest(node: Node, parts: readonly string[], not: Place): Place | null {
  const [part, ...rest] = parts
  if (part === undefined) return node.place !== null && node.place !== not ? node.place : wildcardOf(node, not)
  if (part !== '*') {
    for (const key of part === '{}' ? ['{}'] : [part, '{}']) {
      const child = node.children.get(key)
      const found = child === undefined ? null : nearest(child, rest, not)
      if (found !== null) return found
    }
  }
  return wildcardOf(node, not)
}

function wildcardOf(node: Node, not: Place): Place | null {
  const place = node.children.get('*')?.place ?? null
  return place === not ? null : place
}

function warn(reading: Reading, shadow: { route: RouteConfig; place: Place; allowed: ReadonlySet<string> }): void {
  const { route, place, allowed } = shadow
  // OPTIONS is left to CORS, whose preflights every route with the plugin takes.
  const lost = (methodsOf(route.match) ?? []).filter((method) => !allowed.has(method) && method !== 'OPTIONS')
  if (lost.length === 0) return
  const { document, findings } = reading
  const other = place.routes[0]!
  const { at } = document.place(['routes', other.name, 'match'])
  findings.warning('shadowed-route', document.place(['routes', route.name, 'match']), {
    message: `route ${route.name} never sees ${lost.join(', ')} ${place.pattern.text}: the more exact route ${other.name}, on line ${at.line}, answers 405`,
    suggestion: `add the method there, or say \`fallthrough: true\``,
    related: [{ at, message: `route ${other.name}` }],
  })
}
