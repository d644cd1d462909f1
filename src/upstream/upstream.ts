/** A named set of targets and how one of them is picked. */
import type { TargetConfig, UpstreamConfig } from '../config/config.ts'
import type { Target } from './target.ts'

export class Upstream {
  readonly name: string
  readonly config: UpstreamConfig
  readonly targets: readonly Target[]
  #next = 0

  constructor(config: UpstreamConfig, targetOf: (target: TargetConfig, upstream: UpstreamConfig) => Target) {
    this.name = config.name
    this.config = config
    this.targets = config.targets.map((target) => targetOf(target, config))
  }

  /** The target of the next attempt, round-robin. */
  pick(): Target {
    const target = this.targets[this.#next]!
    this.#next = this.#next + 1 === this.targets.length ? 0 : this.#next + 1
    return target
  }
}
