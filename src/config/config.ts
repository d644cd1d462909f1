/**
 * What a checked gateway.yaml means. Plain data (structured-cloneable, so a worker thread can be handed one): times in
 * milliseconds, sizes in bytes, shares as fractions, names resolved, secrets filled in. Never shown to anybody.
 */
import type { Position } from './diagnostic.ts'
import type { Outline } from './outline.ts'
import type { FallbackConfig } from './resilience.ts'
import type { AffinityKey, UpstreamConfig } from './upstream-config.ts'

export type { AffinityKey, BalanceConfig, TargetConfig, UpstreamConfig } from './upstream-config.ts'

export interface Config {
  /** Absolute path of the file. */
  readonly file: string
  /** `sha256:` + hex over the text, what it interpolates and the plugin files it loads. */
  readonly hash: string
  /** Our name in `via`. Undefined: the gateway makes one up per process. */
  readonly name: string | undefined
  readonly listeners: readonly ListenerConfig[]
  readonly admin: AdminConfig
  readonly store: StoreConfig
  /** `auto`: as many as there are cores. */
  readonly threads: number | 'auto'
  readonly trustedProxies: TrustedProxies
  readonly limits: Limits
  readonly shutdown: { readonly delayMs: number; readonly deadlineMs: number }
  readonly dns: DnsConfig
  readonly consumers: readonly ConsumerConfig[]
  readonly upstreams: readonly UpstreamConfig[]
  /** The global plugins alone: what a request that matches no route runs. */
  readonly plugins: readonly ChainItem[]
  readonly routes: readonly RouteConfig[]
  /** On which line of the file each of them begins. */
  readonly routeLines: readonly number[]
  /** Every item of all chains once, the global ones first. */
  readonly items: readonly ChainItem[]
  readonly tests: readonly TestConfig[]
  /** `requireTests`: nothing is served whose tests fail. */
  readonly reload: { readonly requireTests: boolean }
  readonly outline: Outline
}

/** A request, and what the gateway has to decide about it. */
export interface TestConfig {
  readonly name: string
  /** Of the request. */
  readonly at: Position
  /** `['tests', 0]`. */
  readonly path: readonly (string | number)[]
  readonly request: {
    readonly method: string
    readonly url: string
    /** Flat name, value, … */
    readonly headers: readonly string[]
    readonly ip: string | undefined
    readonly listener: string | undefined
    readonly as: string | undefined
    readonly claims: Readonly<Record<string, unknown>> | undefined
  }
  readonly repeat: number
  readonly expect: TestExpectation
}

/** Null: there is none. What is not named may be anything. */
export interface TestExpectation {
  readonly route?: string | null
  readonly status?: number
  readonly code?: string | null
  readonly upstream?: string | null
  readonly target?: string
  readonly consumer?: string | null
  readonly plugin?: string | null
  /** The value, or whether it is there. */
  readonly headers?: Readonly<Record<string, string | boolean>>
}

export interface ListenerConfig {
  /** The key in a map of listeners, else `listen[0]`, … */
  readonly name: string
  readonly protocol: 'http' | 'https'
  /** As bound: an IP literal or host name, without brackets. */
  readonly host: string
  readonly port: number
  /** None where it speaks plain HTTP. The first one answers names that none of them has, and clients that send no name. */
  readonly certificates: readonly CertificateConfig[]
  /** PEM: who signs client certificates. Without it none is asked for. */
  readonly clientCa?: string
}

export interface CertificateConfig {
  readonly cert: string
  readonly key: string
  /** DNS names that it is for, lower case; `*.` stands for one label. */
  readonly names: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expires: number
}

export interface AdminConfig {
  readonly host: string
  readonly port: number
  readonly token: string | undefined
  readonly hosts: readonly string[]
  /** `/metrics` needs no token. */
  readonly metricsOpen: boolean
}

/** Where limits are counted. */
export type StoreConfig = { readonly kind: 'memory' } | RedisStoreConfig

export interface RedisStoreConfig {
  readonly kind: 'redis'
  readonly host: string
  readonly port: number
  readonly database: number
  readonly username: string | undefined
  readonly password: string | undefined
  /** Null: not encrypted. */
  readonly tls: { readonly ca?: string; readonly serverName?: string } | null
  /** The longest a request waits for it. */
  readonly timeoutMs: number
  /** What limits do while it does not answer, unless they say so themselves. */
  readonly onFailure: 'local' | 'allow' | 'deny'
  /** How long keys read from it are believed while it does not answer. */
  readonly keyGraceMs: number
  /** In front of the name of every key. */
  readonly prefix: string
}

export interface TrustedProxies {
  /** CIDRs. */
  readonly from: readonly string[]
  /** The one header that is believed, lower case. */
  readonly header: string
}

export interface Limits {
  readonly requestLine: number
  readonly headerBytes: number
  readonly headers: number
  readonly headTimeoutMs: number
  readonly bodyIdleMs: number
  readonly idleTimeoutMs: number
  readonly connections: number
}

/** How names of targets become addresses. */
export interface DnsConfig {
  /** `10.0.0.53`, `10.0.0.53:5353`, `[::1]:53`; none: the resolver of the system, which tells no lifetimes. */
  readonly servers: readonly string[]
  /** For one try to ask a server. */
  readonly timeoutMs: number
  /** How long an answer of the system is used. */
  readonly refreshMs: number
  /** Bounds of the lifetimes that servers tell. */
  readonly minTtlMs: number
  readonly maxTtlMs: number
}

export interface ConsumerConfig {
  readonly name: string
  readonly groups: readonly string[]
  readonly keys: readonly ConsumerKey[]
  readonly jwt?: { readonly issuer: string; readonly sub: string }
  /** Names that its client certificates go by: `sha256:` + hex, `uri:…`, `dns:…`, `email:…`, `cn:…`. */
  readonly certificates: readonly string[]
}

export interface ConsumerKey {
  /** Hex of SHA-256 of the key, lower case, without prefix. */
  readonly hash: string
  readonly id: string | undefined
  /** Milliseconds since the epoch. */
  readonly expires: number | undefined
}

/** A plugin of the file's, found on disk and loaded; keyed by `url` among the loaded plugins. */
export interface PluginRef {
  /** As written: `rate-limit`, `./plugins/mine.ts`, `@fastify/helmet`. */
  readonly name: string
  /** `file:` URL of the module. */
  readonly url: string
  /** Hex of SHA-256 over a user plugin's file; undefined for plugins in the box. */
  readonly digest?: string
}

export interface PluginItem {
  readonly kind: 'plugin'
  readonly plugin: PluginRef
  /** Checked against the plugin's schema, defaults filled in. Durations and sizes are still strings: see `duration`, `size` of the plugin contract. */
  readonly options: Readonly<Record<string, unknown>>
  readonly mode: 'enforce' | 'observe'
  /** An authenticator that lets requests without credentials pass as anonymous. */
  readonly optional: boolean
  /** Where it stands, stable over edits elsewhere in the file: `plugins/metrics#0`, `chains.signed-in/jwt#0`, `routes.orders/rate-limit#1`. Equal id = same counter. */
  readonly id: string
  readonly at: Position
  /** An authenticator (not in observe mode) stands above it in the chain. */
  readonly belowAuthenticator: boolean
}

/** The first member whose credentials are present decides alone. */
export interface AnyItem {
  readonly kind: 'any'
  readonly members: readonly PluginItem[]
  readonly optional: boolean
  readonly id: string
  readonly at: Position
}

export type ChainItem = PluginItem | AnyItem

export interface RouteConfig {
  readonly name: string
  readonly match: MatchConfig
  readonly action: RouteAction
  /** The effective chain: global items (less `without`), named chains unfolded, own items. In order. */
  readonly chain: readonly ChainItem[]
  /** Why nobody has to prove who they are here; undefined on authenticated routes. */
  readonly public: string | undefined
  readonly slashes: 'merge' | 'keep'
  readonly encodedSlash: 'refuse' | 'keep'
  readonly aliasing: 'refuse' | 'allow'
  readonly fallthrough: boolean
}

export interface UpstreamShare {
  /** Name in `Config.upstreams`. */
  readonly upstream: string
  /** Its share of the requests, against the others'; 0: gets none. */
  readonly weight: number
}

export type RouteAction =
  | {
      readonly kind: 'forward'
      /** Where its requests go: one upstream for most routes, several for a split. */
      readonly upstreams: readonly UpstreamShare[]
      /** What keeps requests on one side of a split; null: chance decides about each. */
      readonly splitBy: AffinityKey | null
      /** Template of the upstream path: `*` and `{name}` are what the match captured. */
      readonly rewrite: string | undefined
      readonly host: 'keep' | 'target' | { readonly name: string }
      /** Instead of the upstream's own. */
      readonly fallback: FallbackConfig | null
    }
  | { readonly kind: 'respond'; readonly status: number; readonly headers: readonly string[]; readonly body: string }
  | {
      readonly kind: 'redirect'
      readonly status: number
      /** As written: no template. */
      readonly location: string
    }

export interface MatchConfig {
  /** Listener names; null: all. */
  readonly on: readonly string[] | null
  /** Lower case, no port: `api.example.com`, `*.example.com`, `10.0.0.1`, `[::1]`; null: any host. */
  readonly hosts: readonly string[] | null
  /** Normalised patterns. */
  readonly paths: readonly PathPattern[]
  /** null: all but CONNECT and TRACE. GET brings HEAD along at match time, not here. */
  readonly methods: readonly string[] | null
  readonly headers: readonly FieldCondition[]
  readonly query: readonly FieldCondition[]
}

export interface PathPattern {
  /** As matched: `/orders/{id}/items/*`. */
  readonly text: string
  readonly segments: readonly PathSegment[]
  /** Ends in `/*`: covers the prefix itself and everything beneath it. */
  readonly wildcard: boolean
}

export type PathSegment = { readonly literal: string } | { readonly parameter: string }

export interface FieldCondition {
  /** Header: lower case. Query: percent-decoded, exact. */
  readonly name: string
  readonly test:
    | { readonly kind: 'present' }
    | { readonly kind: 'any-of'; readonly values: readonly string[] }
    | { readonly kind: 'prefix'; readonly prefix: string }
    /** Anchored, RE2 syntax. */
    | { readonly kind: 'regex'; readonly source: string }
}
