/**
 * What must hold of a route's effective chain: somebody asks who the client is, or the route says why not; and the order
 * means what it says. Reads traits only.
 */
import type { Need } from '../plugin.ts'
import type { ChainEntry } from './chain-entry.ts'
import type { RouteAction } from './config.ts'
import type { Reading } from './reading.ts'
import { someMeant } from './suggest.ts'

export interface ChainOfRoute {
  readonly name: string
  readonly chain: readonly ChainEntry[]
  /** Names of its listeners. */
  readonly listeners: readonly string[]
  /** Those of them that ask clients for no certificate. */
  readonly silent: readonly string[]
  /** The route's reason to be public. */
  readonly public: string | undefined
}

export function checkChain(reading: Reading, route: ChainOfRoute): void {
  checkAuthentication(reading, route)
  for (const [index, entry] of route.chain.entries()) {
    for (const need of entry.needs) checkNeed(reading, route, { index, need })
  }
}

/** Whoever divides requests by consumer has to know one. */
export function checkSplit(
  { document, findings }: Reading,
  { name, action, chain }: { name: string; action: RouteAction | null; chain: readonly ChainEntry[] },
): void {
  if (action?.kind !== 'forward' || action.splitBy?.kind !== 'consumer') return
  if (chain.some((entry) => entry.authenticates || entry.unknown)) return
  const message = 'the split needs to know the consumer, and nothing in the chain authenticates'
  const suggestion = 'add an authenticator, or split by ip, header:NAME or cookie:NAME'
  findings.error('wrong-order', document.place(['routes', name, 'split', 'by']), { message, suggestion })
}

function checkAuthentication(reading: Reading, { name, chain, public: reason }: ChainOfRoute): void {
  const { document, findings } = reading
  const mandatory = chain.find((entry) => entry.authenticates && !entry.optional)
  if (mandatory !== undefined) {
    if (reason === undefined) return
    findings.error('public-route-authenticates', document.keyPlace(['routes', name, 'public']), {
      message: `the route says it is public, but ${mandatory.name} asks for credentials`,
      suggestion: 'remove `public`, or the authenticator',
      related: [{ at: mandatory.at, message: `${mandatory.name} stands here` }],
    })
    return
  }
  const misspelt = someMeant(document.keysOf(['routes', name]), ['public', 'plugins'])
  const unclear = misspelt || chain.some(({ unknown }) => unknown)
  if (reason !== undefined || unclear || document.has(['routes', name, 'public'])) return
  const optional = chain.find((entry) => entry.authenticates)
  const message =
    optional === undefined
      ? `route ${name} has no plugin that authenticates`
      : `route ${name} lets anonymous requests pass: ${optional.name} is optional`
  const suggestion = 'add an authenticator, or say `public: "<why>"`'
  findings.error('unauthenticated-route', document.keyPlace(['routes', name]), { message, suggestion })
}

function checkNeed(reading: Reading, route: ChainOfRoute, { index, need }: { index: number; need: Need }): void {
  const { name, chain } = route
  const entry = chain[index]!
  const unmet = need === 'client-certificates' ? unheard(route, entry) : unmetNeed(chain, index, need)
  if (unmet === undefined) return
  const path = ['routes', name, 'plugins']
  reading.findings.error(
    'wrong-order',
    { path: reading.document.place(path).path, at: entry.at },
    {
      message: unmet.message,
      suggestion: unmet.suggestion,
      ...(unmet.other === undefined
        ? {}
        : { related: [{ at: unmet.other.at, message: `${unmet.other.name} stands here` }] }),
    },
  )
}

interface Unmet {
  readonly message: string
  readonly suggestion: string
  readonly other?: ChainEntry
}

/** Where no listener asks for certificates, nobody can show one. An alternative may be missing on some. */
function unheard({ listeners, silent }: ChainOfRoute, { name, optional }: ChainEntry): Unmet | undefined {
  const isAlternative = optional || name === 'any'
  if (silent.length === 0 || (isAlternative && silent.length < listeners.length)) return undefined
  const message = `${name} needs client certificates, and listener ${silent[0]} asks for none`
  return { message, suggestion: 'give the listener a `clientCa`, or name one that has it with `on:`' }
}

function unmetNeed(chain: readonly ChainEntry[], index: number, need: Need): Unmet | undefined {
  const { name } = chain[index]!
  const above = chain.slice(0, index)
  switch (need) {
    case 'consumer': {
      if (above.some((entry) => entry.authenticates || entry.unknown)) return undefined
      const other = chain.slice(index + 1).find((entry) => entry.authenticates)
      const message = `${name} needs to know the consumer, and nothing above it authenticates`
      const suggestion = other === undefined ? 'put an authenticator above it' : `put it below ${other.name}`
      return { message, suggestion, ...(other === undefined ? {} : { other }) }
    }
    case 'after-authenticators': {
      const other = chain.slice(index + 1).find((entry) => entry.authenticates)
      if (other === undefined) return undefined
      const message = `${name} would answer before ${other.name} has asked who the client is`
      return { message, suggestion: `put ${name} below ${other.name}`, other }
    }
    case 'before-authenticators': {
      const other = above.find((entry) => entry.authenticates)
      if (other === undefined) return undefined
      const message = `${name} must see requests that carry no credentials, and ${other.name} above it refuses them`
      return { message, suggestion: `put ${name} above ${other.name}`, other }
    }
    case 'client-certificates':
    case 'record':
      return undefined
  }
}
