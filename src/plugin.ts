/**
 * Everything a plugin may import: `import { Problem, duration, type Scope } from 'sluice/plugin'`.
 * A plugin is one module: `schema` (JSON Schema of its options), `traits` (what the rules need to know), `default` (a
 * function of a scope and its options, also in the shape of a Fastify plugin).
 */
import type { Readable } from 'node:stream'
import type { AssumedIdentity, Consumer, Credentials } from './exchange/consumer.ts'
import type { Decision, Verdict } from './exchange/decision.ts'
import type { Exchange, ResponseTap, RouteInfo } from './exchange/exchange.ts'
import type { PluginRequest } from './exchange/plugin-request.ts'
import type { Reply } from './exchange/reply.ts'
import type { UpstreamFailure } from './exchange/stand-in.ts'
import type { CounterFamily, GaugeFamily, HistogramFamily, Instruments } from './observe/instruments.ts'
import type { Count, CounterStore, Limit } from './state/counters.ts'
import type { InFlightLimit, InFlightStore } from './state/in-flight.ts'
import type { Purgeable, Purges } from './state/purges.ts'
import type { FoundAnswer, SharedAnswers } from './state/shared-answers.ts'
import type { Siblings } from './state/siblings.ts'

export { duration, percentage, size } from './config/units.ts'
export { forwardedValue } from './exchange/consumer.ts'
export { type KeyReader, keyReader, readsSecret, shownKey } from './exchange/counting-key.ts'
export { HeaderList, isFieldValue, isToken } from './exchange/headers.ts'
export { alwaysSecretHeaders, isSecretPart } from './exchange/secret-parts.ts'
export { queryName, queryValue } from './exchange/upstream-request.ts'
export { LineSink, type LineSinkEvents } from './observe/line-sink.ts'
export { Problem, type ProblemCode, type ProblemInit } from './problem.ts'
export type {
  AssumedIdentity,
  Consumer,
  Count,
  CounterFamily,
  CounterStore,
  Credentials,
  Decision,
  Exchange,
  FoundAnswer,
  GaugeFamily,
  HistogramFamily,
  InFlightLimit,
  InFlightStore,
  Instruments,
  Limit,
  PluginRequest,
  Purgeable,
  Purges,
  Reply,
  ResponseTap,
  RouteInfo,
  SharedAnswers,
  Siblings,
  UpstreamFailure,
  Verdict,
}

/** Where in a chain a plugin can mean what it says. */
export type Need =
  /** An authenticator stands above it (`acl`, `by: consumer`). */
  | 'consumer'
  /** No authenticator stands below it (`cache`: a hit would answer before anybody asked who it is). */
  | 'after-authenticators'
  /** No authenticator stands above it (`cors`: browsers send preflights without credentials). */
  | 'before-authenticators'
  /** Its listeners ask clients for certificates. */
  | 'client-certificates'
  /** Reads the decision record: exchanges of its chains keep one. */
  | 'record'

// biome-ignore lint/suspicious/noExplicitAny: options are checked against the plugin's own schema before it sees them.
type Options = any

/** What the rules and order checks know about a plugin. Nothing else about it is looked at. */
export interface Traits {
  /** Throws `credentials-missing` without credentials, `credentials-invalid` with bad ones, else calls `exchange.authenticate`. */
  readonly authenticates?: boolean
  /** Takes `optional: true`: the runner turns its `credentials-missing` into an anonymous pass. */
  readonly optional?: boolean
  /** Reads `exchange.assumed`, which `explain` and tests set. Other authenticators are passed over then. */
  readonly assumes?: boolean
  /** May throw a Problem to refuse: takes `mode: observe`. */
  readonly refuses?: boolean
  /** May answer instead of the upstream; `preflight`: its route also matches CORS preflights. */
  readonly answers?: boolean | 'preflight'
  /** Collects a body, up to a limit that is one of its options. */
  readonly buffers?: boolean
  readonly needs?: readonly Need[] | ((options: Options) => readonly Need[])
  /** Decides who may pass (`ip-filter`, `acl`), as authenticators do: the no-aliasing rule counts it. */
  readonly restricts?: boolean
  /** Request parts its decision depends on: `header:x-tier`, `query:v`. The access log keeps them for `replay`. */
  readonly reads?: (options: Options) => readonly string[]
  /** Request parts that carry a secret: `header:x-api-key`, `query:key`. Never logged as they are. */
  readonly secrets?: (options: Options) => readonly string[]
  /**
   * Setting it up makes hooks of its options, and nothing else: at once, without `carry` and `onClose`. In a large file that is put
   * off until a request asks for one of its routes; what it throws still refuses the file.
   */
  readonly lazy?: boolean
  /** Headers told to the upstream about the identity: clients' own are removed on every route. Lower case. */
  readonly reserves?: (options: Options) => readonly string[]
}

/** Runs top to bottom. Throw a Problem to refuse; `return reply.code(…).send(…)` to answer; edit `request.exchange.upstreamRequest` to change what is forwarded. */
export type OnRequestHook = (request: PluginRequest, reply: Reply) => unknown

/** Runs bottom to top, on every answer that the plugin was reached for: problems too. Edits `reply.statusCode` and `reply.headers`. */
export type OnSendHook = (request: PluginRequest, reply: Reply) => unknown

/** With a third parameter the hook changes bodies: it sees upstream and cached answers only, and returns what to send instead. */
export type OnSendBodyHook = (request: PluginRequest, reply: Reply, payload: Readable) => unknown

export interface ConsumerDirectory {
  /** The consumer whose key has this hash (hex of SHA-256), if it has not expired. `id` names the key. */
  byKeyHash(
    hash: string,
  ): { readonly name: string; readonly groups: readonly string[]; readonly id: string | undefined } | undefined
  /** The configured consumer that says it is this token's subject. */
  byToken(issuer: string, sub: string): { readonly name: string; readonly groups: readonly string[] } | undefined
  /** The configured consumers that say one of these names of a certificate is theirs: see `exchange.clientCertificate`. */
  byCertificate(names: readonly string[]): readonly { readonly name: string; readonly groups: readonly string[] }[]
}

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What a plugin compiles against, once per item in the file. */
export interface Scope {
  addHook(name: 'onRequest', hook: OnRequestHook): void
  /** Stands before the shorter form: a hook written in place then knows the types of its parameters in both. */
  addHook(name: 'onSend', hook: OnSendBodyHook): void
  addHook(name: 'onSend', hook: OnSendHook): void
  /** State that survives reloads: the same object for the same key as long as some generation uses it. Its `close()`, if any, is called after. Keys are the plugin's own. */
  carry<T extends object>(key: string, create: () => T): T
  /** Runs when no generation uses this item any more. */
  onClose(listener: () => void): void
  readonly log: Log
  /** Which item of the file this is: `routes.orders/rate-limit#0`. One item is one counter. */
  readonly item: {
    readonly id: string
    readonly mode: 'enforce' | 'observe'
    readonly optional: boolean
    readonly belowAuthenticator: boolean
  }
  readonly consumers: ConsumerDirectory
  /** Counters that may be shared by threads and machines. */
  readonly counters: CounterStore
  /** Places of requests in flight, counted over the threads of this process. */
  readonly inFlight: InFlightStore
  /** What is to be forgotten before its time: everything that keeps answers listens. */
  readonly purges: Purges
  /** Where caches of a fleet share answers. Null: there is no such store. */
  readonly answers: SharedAnswers | null
  /** The same plugin in the other threads of this gateway. Null: there are no others. */
  readonly siblings: Siblings | null
  readonly metrics: Instruments
  /** The request parts that some match or plugin of the config reads, and the secret ones among all: `header:x-tier`. */
  readonly reads: readonly string[]
  readonly secrets: readonly string[]
  /** Folder of the config file: relative paths in options start here. */
  readonly folder: string
}

/** A plugin module, as `plugins/*.ts` and users' own files export it. */
export interface PluginModule {
  readonly schema: object
  readonly traits: Traits
  readonly default: (scope: Scope, options: Options) => void | Promise<void>
}
