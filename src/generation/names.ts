/** The names that targets of a config have: each is looked up once, however many targets have it. */
import type { Config, TargetConfig } from '../config/config.ts'
import type { Log } from '../plugin.ts'
import { isNamed, type Resolve, resolverOf } from '../upstream/resolve.ts'
import { type NameEvents, ResolvedName } from '../upstream/resolved-name.ts'
import type { World } from './compile.ts'

export class TargetNames {
  readonly #world: World
  /** Tells the resolvers of two configs apart. */
  readonly #resolverKey: string
  readonly #resolve: Resolve

  constructor({ dns }: Config, world: World) {
    this.#world = world
    this.#resolverKey = JSON.stringify(dns)
    this.#resolve = resolverOf(dns)
  }

  /** Of a target; null where it is an address, or a socket. The key that is to be released is added to `held`. */
  of({ protocol, host }: TargetConfig, held: string[]): ResolvedName | null {
    if (!isNamed({ protocol, host })) return null
    const key = `name ${JSON.stringify([host, this.#resolverKey])}`
    held.push(key)
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
