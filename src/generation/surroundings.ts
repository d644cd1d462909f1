/** What the chains of a config share. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import type { Config } from '../config/config.ts'
import type { FleetStore } from '../state/fleet.ts'
import type { World } from './compile.ts'
import { consumerDirectory } from './consumers.ts'
import type { Surroundings } from './scope.ts'

export function surroundings(
  config: Config,
  { carry, log, metrics, inFlight, purges, siblings, ...world }: World,
  store: FleetStore | null,
): Surroundings {
  const counters = store?.counters ?? world.counters
  const { reads, secrets } = config.outline
  const shared = { reads, secrets, folder: dirname(config.file) }
  const digest = createHash('sha256')
    .update(JSON.stringify([config.consumers, config.store, shared]))
    .digest('base64url')
  return {
    carry,
    log,
    metrics,
    counters,
    inFlight,
    purges,
    siblings,
    answers: () => store?.answers ?? null,
    consumers: consumerDirectory(config.consumers, store?.keys ?? null),
    ...shared,
    digest,
  }
}
