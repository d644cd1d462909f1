/** All that a fleet of gateways shares through one Redis, behind one connection: limits, API keys, and who is there. */
import type { RedisStoreConfig } from '../config/config.ts'
import type { Log } from '../plugin.ts'
import type { CounterStore } from '../state/counters.ts'
import type { FleetStore, KeyDirectory, StoredKey } from '../state/fleet.ts'
import type { Purge } from '../state/purges.ts'
import { RedisAnswers } from './answers.ts'
import { connectTo } from './connect.ts'
import { RedisCounters } from './counters.ts'
import type { StoreFailure } from './failure.ts'
import { FleetPurges } from './fleet-purges.ts'
import { Link } from './link.ts'
import { Roll } from './roll.ts'
import { ShareCounters } from './share.ts'
import { SharedMap } from './shared-map.ts'
import { KEYS, readKey, StoredKeys } from './stored-keys.ts'

export interface RedisStoreParts {
  readonly log: Log
  /** Names this gateway among those that share the Redis; the same for all its threads. */
  readonly node: string
  /** Counts for this gateway alone while Redis does not answer. */
  readonly local: CounterStore
  /** Somebody in the fleet wants answers forgotten. */
  readonly purged: (purge: Purge) => void
  /** Milliseconds between two looks whether Redis answers, and who is there. */
  readonly probeEveryMs?: number
  /** Milliseconds after which a node is gone that has not said that it lives. */
  readonly livesMs?: number
}

/** About one key: somebody else wrote there. Every other error is about the whole store. */
const tolerated: ReadonlySet<string> = new Set(['WRONGTYPE'])

export class RedisStore implements FleetStore {
  readonly counters: CounterStore
  readonly keys: KeyDirectory
  /** Resolves when it is known whether Redis answers. */
  readonly ready: Promise<void>
  readonly #link: Link
  readonly #log: Log
  readonly #server: string
  readonly #roll: Roll
  readonly #keys: SharedMap<StoredKey>
  readonly #purges: FleetPurges
  readonly #openAnswers: () => RedisAnswers
  #answers: RedisAnswers | null = null

  constructor(config: RedisStoreConfig, { log, node, local, purged, livesMs, ...parts }: RedisStoreParts) {
    const { prefix, onFailure, timeoutMs, keyGraceMs, host, port } = config
    this.#log = log
    this.#server = `${host}:${port}`
    this.#roll = new Roll(prefix, node, livesMs)
    this.#link = new Link({
      connect: connectTo(config),
      timeoutMs,
      probe: (client) => this.#roll.call(client),
      tolerated,
      ...parts,
      opened: () => this.#log.info({ store: this.#server, nodes: this.nodes }, 'the store answers'),
      closed: ({ reason }: StoreFailure) =>
        this.#log.warn({ store: this.#server, reason, onFailure, nodes: this.nodes }, 'the store does not answer'),
    })
    const share = new ShareCounters(local, () => this.nodes)
    this.counters = new RedisCounters({ link: this.#link, prefix, local: share, onFailure })
    this.#keys = new SharedMap({ link: this.#link, prefix, name: KEYS, read: readKey })
    this.keys = new StoredKeys(this.#keys, keyGraceMs)
    this.#purges = new FleetPurges({ link: this.#link, prefix, purged })
    this.#openAnswers = () => {
      const answersLink = new Link({
        connect: connectTo(config),
        timeoutMs,
        probe: async (client) => void (await client.ping()),
        tolerated,
        ...parts,
        opened: () => this.#log.info({ store: this.#server }, 'caches share answers through the store'),
        closed: ({ reason }) =>
          this.#log.warn({ store: this.#server, reason }, 'caches share no answers: the store does not answer them'),
      })
      void answersLink.start()
      return new RedisAnswers({ link: answersLink, prefix, purges: this.#purges })
    }
    this.ready = this.#start()
  }

  async #start(): Promise<void> {
    await this.#link.start()
    await Promise.all([this.#keys.start(), this.#purges.start()])
  }

  get answers(): RedisAnswers {
    this.#answers ??= this.#openAnswers()
    return this.#answers
  }

  async purge(purge: Purge): Promise<boolean> {
    const isTold = await this.#purges.tell(purge)
    if (!isTold) this.#answers?.distrust()
    return isTold
  }

  /** Whether Redis answers in time. */
  get isUp(): boolean {
    return this.#link.isOpen
  }

  /** Gateways that live, this one included, as last heard. */
  get nodes(): number {
    return this.#roll.nodes
  }

  close(): void {
    // Best effort: who is killed is missed after a while, too.
    this.#link.ask(
      (client) => this.#roll.leave(client),
      () => {},
    )
    this.#keys.stop()
    this.#purges.stop()
    this.#answers?.close()
    this.#link.end()
  }
}
