/** The decision record: what the router and each plugin decided about one request, and from what. */

export type Verdict =
  /** Looked and let the request through. */
  | 'pass'
  /** Refused it (in observe mode: would have). */
  | 'refuse'
  /** Answered instead of the upstream. */
  | 'answer'
  /** Had nothing to say about this request. */
  | 'skip'

export interface Decision {
  readonly plugin: string
  /** `PluginItem.id` of the config, or the name of a stage: `router`, `upstream`. */
  readonly item: string
  readonly verdict: Verdict
  /** Stable, kebab-case; the problem code where it refused. */
  readonly reason: string
  readonly mode: 'enforce' | 'observe'
  readonly inputs: Readonly<Record<string, unknown>>
}

/** What decides besides plugins, as it stands in the record. */
export const stages = {
  router: { plugin: 'router', id: 'router', observing: false },
  upstream: { plugin: 'upstream', id: 'upstream', observing: false },
} as const
