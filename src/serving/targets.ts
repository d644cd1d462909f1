/** The targets of everyone that serves, as the operator sees them and takes them out of service. */
import { balanceText } from '../config/balance.ts'
import type { Config, TargetConfig } from '../config/config.ts'
import { glance } from '../config/unread.ts'
import { inPieces } from '../pace.ts'
import type { Log } from '../plugin.ts'
import { summed, type TargetReading } from '../upstream/reading.ts'
import type { Server } from './server.ts'

export interface TargetsParts {
  readonly server: Pick<Server, 'tell' | 'ask'>
  readonly current: () => Config
  readonly log: Log
}

export class ServedTargets {
  readonly #parts: TargetsParts

  constructor(parts: TargetsParts) {
    this.#parts = parts
  }

  /** One object per upstream of the config, with what is known about each of its targets. */
  async all(): Promise<object[]> {
    const { server, current } = this.#parts
    const readings = (await server.ask('targets', null)).flat()
    const byUpstream = Map.groupBy(readings, ({ upstream }) => upstream)
    const all: object[] = []
    await inPieces(current().upstreams, (upstream) => {
      const { name, balance, targets } = glance(upstream)
      const known = byUpstream.get(name) ?? []
      const readingsOf = ({ url }: TargetConfig) => known.filter(({ target }) => target === url)
      const listed = targets.map((target, index) => ({ index, ...shown(target, readingsOf(target)) }))
      all.push({ name, balance: balanceText(balance), targets: listed })
    })
    return all
  }

  /**
   * Takes a target out of service, or back into it; requests that it has finish. `target` is its place in the list, from 0,
   * or its URL. Null where there is none.
   */
  async drain(upstream: string, target: string, verb: 'drain' | 'undrain'): Promise<object | null> {
    const found = this.#find(upstream, target)
    if (found === undefined) return null
    const draining = verb === 'drain'
    await this.#parts.server.tell('target-state', { upstream, target: found.url, draining })
    this.#parts.log.info({ upstream, target: found.url }, draining ? 'target drained' : 'target undrained')
    return { upstream, target: found.url, draining }
  }

  #find(upstream: string, target: string): TargetConfig | undefined {
    const { targets = [] } = this.#parts.current().upstreams.find(({ name }) => name === upstream) ?? {}
    return /^[0-9]+$/.test(target) ? targets[Number(target)] : targets.find(({ url }) => url === target)
  }
}

/** A target that a thread could not be asked about has its config alone. */
function shown({ url, weight }: TargetConfig, readings: readonly TargetReading[]): object {
  if (readings.length === 0) return { url, weight }
  const { upstream: _, target: __, draining, up, ...rest } = summed(readings)
  return { url, weight, state: draining ? 'draining' : up ? 'up' : 'down', ...rest }
}
