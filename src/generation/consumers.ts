/** The consumers of a config, found by what proves them; and those whose keys live in a store outside. */
import type { ConsumerConfig } from '../config/config.ts'
import type { ConsumerDirectory } from '../plugin.ts'
import { Problem } from '../problem.ts'
import type { KeyDirectory } from '../state/fleet.ts'

type KeyOwner = NonNullable<ReturnType<ConsumerDirectory['byKeyHash']>>

/** `stored`: null where there is no such store. The file comes first. */
export function consumerDirectory(
  consumers: readonly ConsumerConfig[],
  stored: KeyDirectory | null,
): ConsumerDirectory {
  const keys = new Map<string, KeyOwner & { readonly expires: number | undefined }>()
  const subjects = new Map<string, Map<string, { name: string; groups: readonly string[] }>>()
  const certificates = new Map<string, { name: string; groups: readonly string[] }>()
  const groupsOf = new Map(consumers.map(({ name, groups }) => [name, groups]))
  for (const { name, groups, keys: own, jwt, certificates: names } of consumers) {
    for (const one of names) certificates.set(one, { name, groups })
    for (const { hash, id, expires } of own) keys.set(hash, { name, groups, id, expires })
    if (jwt === undefined) continue
    const byIssuer = subjects.get(jwt.issuer) ?? new Map()
    byIssuer.set(jwt.sub, { name, groups })
    subjects.set(jwt.issuer, byIssuer)
  }
  return {
    byKeyHash(hash) {
      const found = keys.get(hash)
      if (found !== undefined) return isOver(found) ? undefined : found
      return stored === null ? undefined : storedOwner(stored, hash, groupsOf)
    },
    byToken: (issuer, sub) => subjects.get(issuer)?.get(sub),
    byCertificate(names) {
      const found = new Map(names.flatMap((name) => certificates.get(name) ?? []).map((owner) => [owner.name, owner]))
      return [...found.values()]
    },
  }
}

/** Throws where nobody can say whose key it is: that is no fault of the client's, and no 401. */
function storedOwner(
  stored: KeyDirectory,
  hash: string,
  groupsOf: ReadonlyMap<string, readonly string[]>,
): KeyOwner | undefined {
  if (!stored.isKnown) {
    const headers = ['retry-after', '1']
    throw new Problem('store-unavailable', 'Whose API key this is cannot be found out at the moment.', { headers })
  }
  const key = stored.byHash(hash)
  if (key === undefined || isOver(key)) return undefined
  const { consumer: name, id } = key
  return { name, groups: key.groups ?? groupsOf.get(name) ?? [], id }
}

function isOver({ expires }: { readonly expires: number | undefined }): boolean {
  return expires !== undefined && expires <= Date.now()
}
