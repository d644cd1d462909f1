/** How what would become of a request differs from what became of it: one kind for each, the one that matters most. */
import { cacheKeyOf, limitsOf, type Outcome, wasStoodInFor } from './outcome.ts'

/** Every kind, with what its requests do. In the order in which they are told. */
export const kinds = {
  'loses-route': 'lose their route (404)',
  'method-refused': 'are refused for their method (405)',
  'needs-credentials': 'become 401: credentials are missing or not known any more',
  'now-forbidden': 'become 403',
  'newly-limited': 'are newly limited (429)',
  'otherwise-refused': 'are refused for another reason',
  'let-through': 'are let through, and were refused',
  'asks-nobody': 'are no longer asked who they are',
  'no-longer-limited': 'are no longer limited',
  'gains-route': 'get a route, and had none',
  'other-route': 'go to another route',
  'other-upstream': 'go to another upstream',
  'answered-otherwise': 'are answered by the gateway instead of an upstream, or the other way round',
  'hit-lost': 'were answered from a cache, and would not be',
  'hit-gained': 'may be answered from a cache',
} as const

export type Kind = keyof typeof kinds

const refusals: Readonly<Record<string, Kind>> = {
  'route-not-found': 'loses-route',
  'method-not-allowed': 'method-refused',
  'credentials-missing': 'needs-credentials',
  'credentials-invalid': 'needs-credentials',
  forbidden: 'now-forbidden',
  'rate-limited': 'newly-limited',
  'quota-exceeded': 'newly-limited',
}

/** Null: nothing that a client or an upstream would notice. */
export function differenceOf(before: Outcome, after: Outcome): Kind | null {
  const [was, is] = [classOf(before), classOf(after)]
  if (was !== is) {
    const limited = is === 'rate-limited' || was === 'rate-limited'
    if (limited && countAlike(before, after)) return null
    const unasked = is === 'credentials-missing' && isRefusal(was) && before.consumer === null
    if (unasked && isAskedBySame(before, after)) return null
    // Whoever was refused before anybody asked for credentials may have good ones.
    if (isRefusal(is) && !unasked) return refusals[after.fate] ?? 'otherwise-refused'
    if (was === 'rate-limited') return 'no-longer-limited'
    if (was === 'route-not-found') return 'gains-route'
    if (isRefusal(was)) return 'let-through'
  }
  if (isRefusal(is)) return null
  if (before.consumer !== null && after.consumer === null) return 'asks-nobody'
  if (before.route !== after.route) return 'other-route'
  if (was !== is) return 'answered-otherwise'
  if (goesElsewhere(before, after)) return 'other-upstream'
  if (before.fromCache && cacheKeyOf(after) === null) return 'hit-lost'
  return null
}

function goesElsewhere(before: Outcome, after: Outcome): boolean {
  const [asked] = before.upstreams
  return asked !== undefined && !after.upstreams.includes(asked) && !wasStoodInFor(before)
}

/** Who refused looked at credentials that are not logged, and would look at them again. */
function isAskedBySame(before: Outcome, after: Outcome): boolean {
  const refused = before.decisions().findLast(({ verdict, mode }) => verdict === 'refuse' && mode === 'enforce')
  return after.decisions().some(({ plugin, reason }) => plugin === refused?.plugin && reason === 'credentials-missing')
}

/** Both 401s are one: with which words somebody without the right credentials is refused cannot be told from the log. */
function classOf({ fate }: Outcome): string {
  return fate === 'credentials-invalid' ? 'credentials-missing' : fate
}

function isRefusal(fate: string): boolean {
  return fate !== 'forwarded' && fate !== 'answered'
}

/**
 * The limits that decided are the same ones on both sides. A window may have begun before the log did, so what the log
 * says of an unchanged limit is truer than counting again.
 */
function countAlike(before: Outcome, after: Outcome): boolean {
  const [was, is] = [limitsOf(before), limitsOf(after)]
  const refusing = was.find(({ refused }) => refused) ?? is.find(({ refused }) => refused)
  if (refusing === undefined) return false
  return [was, is].every((limits) => limits.some(({ parameters }) => parameters === refusing.parameters))
}
