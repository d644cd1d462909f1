/** The names that targets of a config have: each is looked up once, however many targets have it. */
import type { Config, TargetConfig } from '../config/config.ts'
import type { Log } from '../plugin.ts'
import { isNamed, type Resolve, resolverOf } from '../upstream/resolve.ts'
import { type NameEvents, ResolvedName } from '../upstream/resolved-name.ts'
import type { World } from './compile.ts'

export class TargetNames {
  readonly #world: World
  readonly #held: string[]
  /** Tells the resolvers of two configs apart. */
  readonly #resolverKey: string
  readonly #resolve: Resolve

  /** Every key that the generation has to release is added to `held`. */
  constructor({ dns }: Config, world: World, held: string[]) {
    this.#world = world
    this.#held = held
    this.#resolverKey = JSON.stringify(dns)
    this.#resolve = resolverOf(dns)
  }

  /** Of a target; null where it is an address, or a socket. */
  of({ protocol, host }: TargetConfig): ResolvedName | null {
    if (!isNamed({ protocol, host })) return null
    const key = `name ${JSON.stringify([host, this.#resolverKey])}`
    this.#held.push(key)
    const { carry, log } = this.#world
    return carry.acquire(key, () => new ResolvedName(host, this.#resolve, nameEvents(log)))
  }

  /** What belongs to the key of a target, because its connections ask this resolver. */
  keyOf({ protocol, host }: TargetConfig): string {
    return isNamed({ protocol, host }) ? this.#resolverKey : ''
  }
}

function nameEvents(log: Log): NameEvents {
  return {
    changed: (name, addresses) => log.info({ name, addresses }, 'a target’s name has new addresses'),
    failed: (name, code) => log.warn({ name, code }, 'a target’s name cannot be resolved; addresses found before stay'),
  }
}
