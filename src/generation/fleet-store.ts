/** The store that a config names: one for all generations whose files say the same about it. */
import type { RedisStoreConfig, StoreConfig } from '../config/config.ts'
import type { FleetStore } from '../state/fleet.ts'
import type { Carry } from './carry.ts'

/** Whoever acquires it releases `storeKey` in the carry. Null: there is none, or nothing is to be asked. */
export function acquireStore(
  config: StoreConfig,
  { carry, openStore }: { carry: Carry; openStore: ((config: RedisStoreConfig) => FleetStore) | null },
): FleetStore | null {
  if (config.kind !== 'redis' || openStore === null) return null
  return carry.acquire(storeKey(config), () => openStore(config))
}

/** Under which the carry holds it. */
export function storeKey(config: StoreConfig): string {
  return `store ${JSON.stringify(config)}`
}
