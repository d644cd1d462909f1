/** What the store has for a request, and if nothing usable, why it goes on to the upstream. Changes nothing. */
import type { Exchange } from '#gateway'
import type { Forwarded } from './cache-status.ts'
import { unclaimed } from './claims.ts'
import type { Entry } from './entry.ts'
import { currentAge } from './freshness.ts'
import { type CacheKey, cacheKey, type KeyPolicy } from './key.ts'
import type { RequestView } from './request.ts'
import { mayStandIn, reuse } from './reuse.ts'
import type { CacheStore } from './store.ts'
import { fieldReader, matches, remembering } from './vary.ts'

export type Found =
  | { readonly kind: 'hit'; readonly key: CacheKey; readonly entry: Entry; readonly age: number }
  /** `key`: where the answer may be kept; null: it is not looked at. `spare`: what may stand in if the upstream fails. */
  | { readonly kind: 'forward'; readonly why: Forwarded; readonly key: CacheKey | null; readonly spare: Entry | null }

export function lookUp(
  exchange: Exchange,
  request: RequestView,
  from: { store: CacheStore; policy: KeyPolicy },
): Found {
  const { facts } = exchange
  if (facts.method !== 'GET' && facts.method !== 'HEAD') return forward('method', null)
  if (facts.upgrade || facts.body.kind !== 'none' || request.forOriginOnly) return bypass
  const key = cacheKey(exchange, from.policy)
  if (key === null) return bypass
  const variants = from.store.find(key)
  if (variants.length === 0) return forward('uri-miss', key)
  const read = variants.length === 1 ? fieldReader(exchange) : remembering(fieldReader(exchange))
  const entry = variants.find((one) => matches(one.selection, read))
  if (entry === undefined) return forward('vary-miss', key)
  const age = currentAge(entry, Date.now())
  const verdict = reuse(entry, request, age)
  const isForOthers = entry.ownTtl && isPersonal(exchange, request)
  if (verdict === 'usable' && !isForOthers) return { kind: 'hit', key, entry, age }
  const spare = !isForOthers && mayStandIn(entry, request, age) ? entry : null
  return { kind: 'forward', why: verdict === 'usable' ? 'request' : verdict, key, spare }
}

function forward(why: Forwarded, key: CacheKey | null): Found {
  return { kind: 'forward', why, key, spare: null }
}

const bypass: Found = forward('bypass', null)

/** CONTRACT: the gateway's own ttl says nothing about requests that carry credentials no plugin took. */
function isPersonal(exchange: Exchange, request: RequestView): boolean {
  const { authorization, cookie } = unclaimed(exchange, request)
  return authorization || cookie
}
