/** Writes API keys into Redis, for `sluice key`: what gateways then take over by themselves. */
import type { RedisStoreConfig } from '../config/config.ts'
import type { StoredKey } from '../state/fleet.ts'
import { connectTo } from './connect.ts'
import { failureOf } from './failure.ts'
import { change, mapNames } from './shared-map.ts'
import { KEYS, readKey, writeKey } from './stored-keys.ts'

type Server = Omit<RedisStoreConfig, 'timeoutMs' | 'onFailure' | 'keyGraceMs' | 'kind'>

export interface LedgerEntry extends StoredKey {
  /** Hex of SHA-256. */
  readonly hash: string
}

/** Opens it, lets `work` do its work, and closes it. Rejects with StoreFailure. */
export async function withKeyLedger<Result>(
  server: Server,
  work: (ledger: KeyLedger) => Promise<Result>,
): Promise<Result> {
  const client = connectTo({ ...server, kind: 'redis', timeoutMs: 0, onFailure: 'local', keyGraceMs: 0 })()
  let cause: unknown = null
  client.on('error', (error) => {
    cause = error
  })
  try {
    await client.connect()
    return await work(new KeyLedger(client, server.prefix))
  } catch (error) {
    throw failureOf(cause ?? error)
  } finally {
    client.disconnect()
  }
}

export class KeyLedger {
  readonly #client: ReturnType<ReturnType<typeof connectTo>>
  readonly #names: ReturnType<typeof mapNames>

  constructor(client: ReturnType<ReturnType<typeof connectTo>>, prefix: string) {
    this.#client = client
    this.#names = mapNames(prefix, KEYS)
  }

  async add(hash: string, key: StoredKey): Promise<void> {
    await change(this.#client, this.#names, { field: hash, text: writeKey(key) })
  }

  /** All keys, by consumer. */
  async list(): Promise<LedgerEntry[]> {
    const entries = Object.entries(await this.#client.hgetall(this.#names.values))
    const keys = entries.flatMap(([hash, text]) => {
      const key = readKey(text)
      return key === null ? [] : [{ hash, ...key }]
    })
    return keys.sort((one, other) => (`${one.consumer} ${one.id}` < `${other.consumer} ${other.id}` ? -1 : 1))
  }

  /** Removes the keys with this id. Returns them. */
  async revoke(id: string): Promise<LedgerEntry[]> {
    const revoked = (await this.list()).filter((key) => key.id === id)
    for (const { hash } of revoked) await change(this.#client, this.#names, { field: hash, text: null })
    return revoked
  }
}
