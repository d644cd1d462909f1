/** The consumers of a config, found by what proves them. */
import type { ConsumerConfig } from '../config/config.ts'
import type { ConsumerDirectory } from '../plugin.ts'

export function consumerDirectory(consumers: readonly ConsumerConfig[]): ConsumerDirectory {
  const keys = new Map<
    string,
    { name: string; groups: readonly string[]; id: string | undefined; expires: number | undefined }
  >()
  const subjects = new Map<string, Map<string, { name: string; groups: readonly string[] }>>()
  for (const { name, groups, keys: own, jwt } of consumers) {
    for (const { hash, id, expires } of own) keys.set(hash, { name, groups, id, expires })
    if (jwt === undefined) continue
    const byIssuer = subjects.get(jwt.issuer) ?? new Map()
    byIssuer.set(jwt.sub, { name, groups })
    subjects.set(jwt.issuer, byIssuer)
  }
  return {
    byKeyHash(hash) {
      const found = keys.get(hash)
      return found?.expires !== undefined && found.expires <= Date.now() ? undefined : found
    },
    byToken: (issuer, sub) => subjects.get(issuer)?.get(sub),
  }
}
