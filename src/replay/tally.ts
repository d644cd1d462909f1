/** Differences, counted by kind and route, each with a few examples. Bounded, however long the log is. */
import { type Kind, kinds } from './difference.ts'
import type { Outcome } from './outcome.ts'
import type { LogRecord } from './record.ts'

export interface Example {
  /** Of the log. */
  readonly line: number
  readonly request: string
}

export interface Group {
  readonly kind: Kind
  readonly count: number
  /** By what changed for them: `orders → purchases`. */
  readonly by: readonly { readonly change: string; readonly count: number }[]
  readonly examples: readonly Example[]
}

const MOST_EXAMPLES = 3

export class Tally {
  readonly #groups = new Map<Kind, { count: number; by: Map<string, number>; examples: Example[] }>()

  add(kind: Kind, record: LogRecord, outcomes: { readonly before: Outcome; readonly after: Outcome }): void {
    const group = this.#groups.get(kind) ?? { count: 0, by: new Map<string, number>(), examples: [] }
    this.#groups.set(kind, group)
    group.count++
    const change = changeText(kind, outcomes.before, outcomes.after)
    group.by.set(change, (group.by.get(change) ?? 0) + 1)
    if (group.examples.length >= MOST_EXAMPLES) return
    const { line, method, host, path } = record
    group.examples.push({ line, request: `${method} ${host ?? ''}${path}` })
  }

  get groups(): Group[] {
    return (Object.keys(kinds) as Kind[]).flatMap((kind) => {
      const group = this.#groups.get(kind)
      if (group === undefined) return []
      const by = [...group.by]
        .map(([change, count]) => ({ change, count }))
        .sort((one, other) => other.count - one.count)
      return [{ kind, count: group.count, by, examples: group.examples }]
    })
  }
}

/** Names of the config alone, so that there are few. */
function changeText(kind: Kind, before: Outcome, after: Outcome): string {
  if (kind === 'other-upstream') return `${before.route}: ${before.upstreams} → ${after.upstreams.join(' or ')}`
  const [was, is] = [before.route ?? 'no route', after.route ?? 'no route']
  return was === is ? was : `${was} → ${is}`
}
