/** All probes of a config: they run once, wherever it is served, and go on over a reload where nothing about them changed. */
import type { Config, TargetConfig, UpstreamConfig } from '../config/config.ts'
import { isUnread } from '../config/unread.ts'
import { type ProbeFailure, Prober } from './health-probe.ts'
import { isNamed, type Resolve, resolverOf } from './resolve.ts'
import { type NameEvents, ResolvedName } from './resolved-name.ts'
import { authorityOf, originOf } from './target.ts'

/** A verdict about one target, as it turned. */
export interface HealthVerdict {
  readonly upstream: string
  /** The target's URL, as written. */
  readonly target: string
  readonly isUp: boolean
  readonly failure: ProbeFailure
}

interface Check {
  readonly upstream: string
  readonly target: string
  readonly prober: Prober
}

export interface HealthEvents {
  turned(verdict: HealthVerdict): void
  /** A target that was down is probed no more: nothing is known of it. */
  forgotten(upstream: string, target: string): void
}

export class HealthChecks {
  readonly #events: HealthEvents
  #checks: ReadonlyMap<string, Check> = new Map()

  constructor(events: HealthEvents) {
    this.#events = events
  }

  /** Probes what this config says from now on. `echoPort` is where `builtin://echo` is. */
  apply({ upstreams, dns }: Pick<Config, 'upstreams' | 'dns'>, echoPort: number | null): void {
    const resolve = resolverOf(dns)
    const before = this.#checks
    const checks = new Map<string, Check>()
    for (const upstream of upstreams) {
      // Those that are probed do not wait to be asked for.
      if (isUnread(upstream)) continue
      for (const target of upstream.health?.probe ? upstream.targets : []) {
        const resolver = isNamed(target) ? dns : null
        const key = JSON.stringify([upstream.name, target, upstream.health?.probe, upstream.tls, resolver])
        const check = checks.get(key) ?? before.get(key) ?? this.#begin(target, upstream, { echoPort, resolve })
        checks.set(key, check)
      }
    }
    for (const [key, { prober }] of before) if (!checks.has(key)) prober.close()
    this.#checks = checks
    for (const { upstream, target, prober } of before.values()) {
      if (!prober.isUp && find(checks, upstream, target) === undefined) this.#events.forgotten(upstream, target)
    }
  }

  close(): void {
    for (const { prober } of this.#checks.values()) prober.close()
    this.#checks = new Map()
  }

  #begin(
    target: TargetConfig,
    upstream: UpstreamConfig,
    { echoPort, resolve }: { echoPort: number | null; resolve: Resolve },
  ): Check {
    const port = target.protocol === 'builtin' ? echoPort! : target.port
    // With other settings it starts from the verdict of before.
    const isUp = find(this.#checks, upstream.name, target.url)?.prober.isUp ?? true
    // Threads that serve say in the log what becomes of a name; the probes need only its addresses.
    const name = isNamed(target) ? new ResolvedName(target.host, resolve, silent) : null
    const probed = { origin: originOf(target, upstream, port), authority: authorityOf(target, port), isUp, name }
    const turned = (isUp: boolean, failure: ProbeFailure) =>
      this.#events.turned({ upstream: upstream.name, target: target.url, isUp, failure })
    const prober = new Prober(probed, upstream.health!.probe!, turned)
    return { upstream: upstream.name, target: target.url, prober }
  }
}

const silent: NameEvents = { changed: () => {}, failed: () => {} }

function find(checks: ReadonlyMap<string, Check>, upstream: string, target: string): Check | undefined {
  for (const check of checks.values()) if (check.upstream === upstream && check.target === target) return check
  return undefined
}
