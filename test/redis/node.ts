/** One gateway's part of a fleet, without the gateway around it. */
import type { RedisStoreConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/observe/log.ts'
import { RedisStore } from '../../src/redis/redis-store.ts'
import type { Count, CounterStore, Limit } from '../../src/state/counters.ts'
import { MemoryCounters } from '../../src/state/memory-counters.ts'

export interface Node {
  readonly store: RedisStore
  readonly log: readonly Record<string, unknown>[]
}

export interface NodeOptions {
  readonly port: number
  readonly prefix: string
  readonly name?: string
  readonly timeoutMs?: number
  readonly probeEveryMs?: number
  readonly livesMs?: number
}

/** Resolves when it knows whether the store answers. */
export async function openNode({
  port,
  prefix,
  name = 'node',
  timeoutMs = 5000,
  ...parts
}: NodeOptions): Promise<Node> {
  const config: RedisStoreConfig = {
    kind: 'redis',
    host: '127.0.0.1',
    port,
    database: 0,
    username: undefined,
    password: undefined,
    tls: null,
    timeoutMs,
    onFailure: 'local',
    keyGraceMs: 0,
    prefix,
  }
  const log: Record<string, unknown>[] = []
  const store = new RedisStore(config, {
    log: createLog({ level: 'info', destination: { write: (line) => void log.push(JSON.parse(line)) } }),
    node: name,
    local: new MemoryCounters(),
    purged: () => {},
    ...parts,
  })
  await store.ready
  return { store, log }
}

export function ask(store: CounterStore, limit: Limit, method: 'increment' | 'read' = 'increment'): Promise<Count> {
  return new Promise((resolve, reject) =>
    store[method](limit, 'key', (error, count) => (count === null ? reject(error) : resolve(count))),
  )
}
