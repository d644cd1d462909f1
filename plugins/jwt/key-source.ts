/** Where verification keys come from: a fixed set (PEM, secret), or a key set that may change (URL, file). */
import type { KeySet } from './key-set.ts'

export interface KeySource {
  /** The keys in force; undefined while none was ever fetched. */
  readonly keys: KeySet | undefined
  /** False after a try to fetch keys that failed: a token signed by an unknown key may then be good. */
  readonly reachable: boolean
  /** Whether the keys may be used as they are. False: `refresh` first. Starts a refresh beside the traffic when it's time. */
  isCurrent(): boolean
  /** Makes sure that there are keys, not older than allowed. Throws KeysUnavailable where there never were any. */
  refresh(): Promise<void>
  /** Asks for keys again because a token needs one that is not there. Whether it was worth it: the keys were fetched anew. */
  renew(kid: string | undefined): Promise<boolean>
}

/** Keys that only a reload changes. */
export function fixedKeys(keys: KeySet): KeySource {
  return { keys, reachable: true, isCurrent: () => true, refresh: async () => {}, renew: async () => false }
}
