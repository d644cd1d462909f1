/**
 * The data of gateway.yaml after its schema: what is there has the right type, defaults are filled in; what was reported
 * has been taken out, so anything may be missing and lists may have gaps.
 */

import type { RetryCause } from './resilience.ts'

export interface RawConfig {
  readonly name?: string
  readonly listen?: string | RawList<string | RawListener> | RawMap<string | RawListener>
  readonly admin?: string | RawAdmin
  readonly store?: string | RawStore
  readonly threads?: number | 'auto'
  readonly trustedProxies?: RawList<string> | { readonly from?: RawList<string>; readonly header?: string }
  readonly limits?: RawLimits
  readonly shutdown?: { readonly delay?: string; readonly deadline?: string }
  readonly dns?: { readonly servers?: RawList<string> }
  readonly consumers?: RawMap<RawConsumer>
  readonly chains?: RawMap<RawList<RawItem>>
  readonly plugins?: RawList<RawItem>
  readonly upstreams?: RawMap<string | RawList<string | RawTarget> | RawUpstream>
  readonly routes?: RawMap<RawRoute>
  readonly tests?: RawList<RawTest>
  readonly reload?: { readonly requireTests?: boolean }
}

export interface RawTest {
  readonly name?: string
  readonly request?: string
  readonly as?: string
  readonly claims?: Readonly<Record<string, unknown>>
  readonly headers?: RawMap<string | RawList<string>>
  readonly ip?: string
  readonly listener?: string
  readonly repeat?: number
  readonly expect?: {
    readonly route?: string | null
    readonly status?: number
    readonly code?: string | null
    readonly upstream?: string | null
    readonly target?: string
    readonly consumer?: string | null
    readonly plugin?: string | null
    readonly headers?: RawMap<string | boolean>
  }
}

export type RawList<Value> = readonly (Value | undefined)[]
export type RawMap<Value> = Readonly<Record<string, Value | undefined>>
/** A plugin's or chain's name, or a map whose one key is a name. */
export type RawItem = string | Readonly<Record<string, unknown>>

export interface RawListener {
  readonly url?: string
  readonly certificates?: RawList<{ readonly cert?: string; readonly key?: string }>
  readonly clientCa?: string
}

export interface RawAdmin {
  readonly url?: string
  readonly token?: string
  readonly hosts?: RawList<string>
  readonly metrics?: 'open' | 'token'
}

export interface RawStore {
  readonly redis?: string
  readonly timeout?: string
  readonly onFailure?: 'local' | 'allow' | 'deny'
  readonly keyGrace?: string
  readonly prefix?: string
  readonly tls?: { readonly ca?: string; readonly serverName?: string }
}

export interface RawLimits {
  readonly requestLine?: string
  readonly headerBytes?: string
  readonly headers?: number
  readonly headTimeout?: string
  readonly bodyIdle?: string
  readonly idleTimeout?: string
  readonly connections?: number
}

export interface RawConsumer {
  readonly groups?: RawList<string>
  readonly keys?: RawList<string | RawConsumerKey>
  readonly jwt?: { readonly issuer?: string; readonly sub?: string }
  readonly certificates?: RawList<string>
}

export interface RawConsumerKey {
  readonly hash?: string
  readonly id?: string
  readonly expires?: string
}

export interface RawUpstream {
  readonly targets?: RawList<string | RawTarget>
  readonly balance?: string | { readonly hash?: string }
  readonly panicThreshold?: string
  readonly timeouts?: {
    readonly connect?: string
    readonly response?: string
    readonly idle?: string
    readonly stream?: string
    readonly tunnel?: string
    readonly total?: string
  }
  readonly health?: RawHealth
  readonly breaker?: RawBreaker
  readonly retries?: RawRetries
  readonly fallback?: RawFallback
  readonly connections?: {
    readonly max?: number
    readonly idle?: string
    readonly stream?: string
    readonly tunnel?: string
    readonly queue?: number
    readonly queueTimeout?: string
    readonly tunnels?: number
  }
  readonly tls?: {
    readonly verify?: boolean
    readonly serverName?: string
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
  }
}

export type RawStatuses = RawList<number | string>

export interface RawHealth {
  readonly path?: string
  readonly interval?: string
  readonly timeout?: string
  readonly unhealthyAfter?: number
  readonly healthyAfter?: number
  readonly status?: RawStatuses
  readonly method?: 'GET' | 'HEAD'
  readonly host?: string
  readonly headers?: RawMap<string>
  readonly port?: number
  readonly passive?: RawPassive
}

export interface RawPassive {
  readonly failures?: number
  readonly errorRatio?: string
  readonly minRequests?: number
  readonly window?: string
  readonly ejection?: string
  readonly maxEjection?: string
  readonly maxEjected?: string
}

export interface RawBreaker {
  readonly failures?: number
  readonly errorRatio?: string
  readonly window?: string
  readonly open?: string
}

export interface RawRetries {
  readonly attempts?: number
  readonly budget?: string
  readonly on?: RawList<RetryCause>
  readonly statuses?: RawStatuses
  readonly backoff?: { readonly base?: string; readonly max?: string }
  readonly perTry?: string
  readonly bodyBuffer?: string
}

export type RawFallback = string | { readonly upstream?: string; readonly statuses?: RawStatuses }

export interface RawTarget {
  readonly url?: string
  readonly weight?: number
}

export interface RawRoute {
  readonly match?: string | RawMatch
  readonly on?: RawList<string>
  readonly upstream?: string | RawList<{ readonly upstream?: string; readonly weight?: number }>
  readonly split?: { readonly by?: string }
  readonly fallback?: RawFallback
  readonly respond?: { readonly status?: number; readonly headers?: RawMap<string>; readonly body?: unknown }
  readonly redirect?: string | { readonly location?: string; readonly status?: number }
  readonly rewrite?: string
  readonly host?: string
  readonly plugins?: RawList<RawItem>
  readonly without?: RawList<string>
  readonly public?: string
  readonly slashes?: 'merge' | 'keep'
  readonly encodedSlash?: 'refuse' | 'keep'
  readonly aliasing?: 'refuse' | 'allow'
  readonly fallthrough?: boolean
}

export interface RawMatch {
  readonly hosts?: RawList<string>
  readonly paths?: RawList<string>
  readonly methods?: RawList<string>
  readonly headers?: RawMap<RawCondition>
  readonly query?: RawMap<RawCondition>
}

export type RawCondition = string | true | RawList<string> | { readonly prefix?: string; readonly regex?: string }
