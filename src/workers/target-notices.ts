/** What was said about targets, for workers that start later. */
import type { Config } from '../config/config.ts'
import type { TargetNotice } from '../upstream/target-states.ts'

export class TargetNotices {
  readonly #notices = new Map<string, TargetNotice>()

  /** Replaces the last of its kind: verdicts and drains say nothing about each other. */
  set(notice: TargetNotice): void {
    const kind = notice.draining === undefined ? 'verdict' : 'drain'
    this.#notices.set(JSON.stringify([notice.upstream, notice.target, kind]), notice)
  }

  all(): readonly TargetNotice[] {
    return [...this.#notices.values()]
  }

  /** Forgets targets that the config does not name. */
  retain({ upstreams }: Pick<Config, 'upstreams'>): void {
    const byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
    for (const [key, { upstream, target }] of this.#notices) {
      const { targets = [] } = byName.get(upstream) ?? {}
      if (!targets.some(({ url }) => url === target)) this.#notices.delete(key)
    }
  }
}
