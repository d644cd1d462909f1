/** API keys that live in Redis, as text there and as gateways hold them. Only hashes are stored. */
import type { KeyDirectory, StoredKey } from '../state/fleet.ts'
import type { SharedMap } from './shared-map.ts'

/** The name of the map, by hex of SHA-256. */
export const KEYS = 'keys'

export class StoredKeys implements KeyDirectory {
  readonly #map: SharedMap<StoredKey>
  readonly #graceMs: number

  /** `graceMs`: how long what is held is believed while Redis does not answer. */
  constructor(map: SharedMap<StoredKey>, graceMs: number) {
    this.#map = map
    this.#graceMs = graceMs
  }

  get isKnown(): boolean {
    return this.#map.age <= Math.max(this.#graceMs, LATE_MS)
  }

  byHash(hash: string): StoredKey | undefined {
    return this.#map.get(hash)
  }
}

/** Without any grace: two looks may be missed, as by a thread that stood still. */
const LATE_MS = 2000

export function writeKey({ consumer, groups, id, expires }: StoredKey): string {
  return JSON.stringify({ consumer, groups, id, expires })
}

/** Null: not what we write. Others may write there, and must not become somebody by it. */
export function readKey(text: string): StoredKey | null {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof read !== 'object' || read === null) return null
  const { consumer, groups, id, expires } = read as Partial<Record<keyof StoredKey, unknown>>
  if (typeof consumer !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(consumer) || typeof id !== 'string') return null
  if (groups !== undefined && !(Array.isArray(groups) && groups.every((group) => typeof group === 'string')))
    return null
  if (expires !== undefined && typeof expires !== 'number') return null
  return { consumer, groups, id, expires }
}
