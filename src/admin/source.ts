/** What the admin listener shows and does, as the gateway behind it provides it. */
import type { Diagnostic } from '../config/diagnostic.ts'

export interface AdminSource {
  status(): GatewayStatus
  /** One object per route, as `GET /api/routes` shows it. */
  routes(): Promise<readonly object[]>
  routeNames(): readonly string[]
  /** The configuration as YAML text, every secret as its `${…}` text. */
  config(): Promise<string>
  /** Reads the file now, and waits until all of the gateway serves it. */
  reload(): Promise<ReloadResult>
  /** Every thread serves the current generation, and the gateway is not on its way down. */
  ready(): boolean
  /** The Prometheus exposition; in pieces where it is long. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string | AsyncIterable<string> }>
  /** What would happen to the request that the JSON describes. Rejects with a Problem; the path exists where this does. */
  explain?(request: unknown): Promise<object>
  /** Forgets kept answers: of a route, to a URL, with a tag; what is named must all hold. The path exists where this does. */
  purge?(asked: { readonly route?: string; readonly url?: string; readonly tag?: string }): Promise<{
    /** Answers that this gateway had. */
    readonly forgotten: number
    /** Those who share the store know, or there are none. */
    readonly toldFleet: boolean
  }>
  /** One object per upstream, as `GET /api/upstreams` shows it; the path exists where this does. */
  upstreams?(): Promise<readonly object[]>
  /**
   * Takes a target out of service, or back into it. `target` is its place in its upstream's list, or its URL. Null where there
   * is no such target; the paths exist where this does.
   */
  drain?(upstream: string, target: string, verb: 'drain' | 'undrain'): Promise<object | null>
}

export interface GatewayStatus {
  readonly version: string
  readonly node: string
  readonly generation: number
  readonly configHash: string
  readonly configFile: string
  /** ISO 8601. */
  readonly startedAt: string
  /** Seconds. */
  readonly uptime: number
  readonly threads: number
  readonly workers: readonly { readonly id: number; readonly generation: number; readonly requests: number }[]
  readonly lastReload: {
    readonly ok: boolean
    /** ISO 8601. */
    readonly at: string
    readonly diagnostics?: readonly Diagnostic[]
  }
}

export type ReloadResult =
  | { readonly ok: true; readonly generation: number; readonly changed: boolean }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }
