/** One client request and its answer, all attempts included: what the router, the plugins and the proxy know and share. */

import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { PathPattern } from '../config/config.ts'
import { Problem, problems } from '../problem.ts'
import type { ClientResponse, ReceivedRequest } from './client.ts'
import { type ClientCertificate, clientCertificateOf } from './client-certificate.ts'
import type { AssumedIdentity, Consumer, Credentials } from './consumer.ts'
import type { Decision, Verdict } from './decision.ts'
import { valuesOf } from './headers.ts'
import { PluginRequest } from './plugin-request.ts'
import { Reply } from './reply.ts'
import { StandIn, type StandInAnswer } from './stand-in.ts'
import type { UpstreamRequest } from './upstream-request.ts'

/** What a plugin may know about the route that serves. */
export interface RouteInfo {
  readonly name: string
  /** Null where the gateway answers itself. The first one of a split: which one gets a request is decided after its chain. */
  readonly upstream: string | null
}

/** What the request is, settled before anything is matched. */
export interface RequestFacts {
  readonly listener: { readonly name: string; readonly protocol: 'http' | 'https' }
  readonly method: string
  /** Flat name, value, … as received. */
  readonly rawHeaders: readonly string[]
  /** Host with port as the client named it; null on HTTP/1.0 without one. */
  readonly authority: string | null
  /** Lower case, without port, one trailing dot dropped. */
  readonly host: string | null
  /** Normalised: the bytes that are matched, authorised and forwarded. */
  readonly path: string
  /** `''`, or `?` and what follows. */
  readonly query: string
  readonly scheme: 'http' | 'https'
  readonly clientAddress: string
  /** The address at the other end of the connection; the client's own unless a trusted proxy stands between. */
  readonly peerAddress: string
  /** The peer is a trusted proxy: its forwarding headers are believed. */
  readonly trusted: boolean
  readonly id: string
  /** How the client frames its body (RFC 9112 §6): `length` with its bytes, `chunked`, or none. */
  readonly body:
    | { readonly kind: 'none' }
    | { readonly kind: 'length'; readonly length: number }
    | { readonly kind: 'chunked' }
  /** The client waits for a 100 before it sends the body (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean
  readonly upgrade: boolean
}

/** What the upstream answered, before any plugin changed it. */
export interface UpstreamResponse {
  readonly status: number
  /** Flat, as received. */
  readonly headers: readonly string[]
  /** Bytes of the body where the head says so. */
  readonly length: number | null
}

/** Sees the response body pass by, as it goes to the client (before plugins above it in the chain change it). */
export interface ResponseTap {
  data(chunk: Buffer): void
  end(): void
  /** The body broke off: what was seen is not the whole. */
  abort(): void
}

/** The plugin that is running, as the chain runner sets it. */
export interface RunningItem {
  readonly plugin: string
  readonly id: string
  readonly observing: boolean
}

const gatewayItem: RunningItem = { plugin: 'gateway', id: 'gateway', observing: false }

/** Who keeps count of open exchanges. */
export interface ExchangeOwner {
  closed(exchange: Exchange): void
  /** A close listener threw. The exchange is over; the others are still told. */
  failed(exchange: Exchange, error: unknown): void
}

export class Exchange {
  facts: RequestFacts
  /** Null in a dry run, where there is no socket. */
  readonly raw: ReceivedRequest | null
  readonly response: ClientResponse | null
  /** No effects: nothing is counted, fetched, stored or sent. For `explain`, `tests:` and `replay`. */
  readonly dry: boolean
  readonly startedAt = performance.now()

  route: RouteInfo | null = null
  /** The pattern that matched. */
  pattern: PathPattern | null = null
  consumer: Consumer | null = null
  /** In a dry run: who asks, whatever credentials there are. An authenticator with the trait `assumes` reads it. */
  assumed: AssumedIdentity | null = null
  reply = new Reply()
  upstreamResponse: UpstreamResponse | null = null
  /** Why the request failed, where it did. */
  problem: Problem | null = null

  /** True when somebody reads the decision record: guard expensive inputs with it. */
  recording = false
  readonly decisions: Decision[] = []
  running: RunningItem = gatewayItem

  /** Index of the last item of the chain that the request reached: response hooks run from there up. -1: none. */
  reached = -1
  /** Who answers when the upstream fails; asked once. */
  standIn: StandIn | null = null
  /** A problem is being answered: response hooks had their one chance. */
  failing = false
  /** How often a plugin said who the client is. */
  authentications = 0

  upstreamName: string | null = null
  target: string | null = null
  attempts = 0
  /** Milliseconds on performance.now()'s clock; 0 while it has not happened. */
  upstreamStartedAt = 0
  upstreamHeadAt = 0
  closedAt = 0
  /** Body bytes. */
  received = 0
  sent = 0
  /** The answer broke off, or the client left before its end. */
  aborted = false

  /** Makes the upstream request on first use; set when the route is known. */
  prepare: (exchange: Exchange) => UpstreamRequest = notRouted
  /** Decided by the router: answered after the global plugins have run. */
  refusal: Problem | null = null
  /** Set for an upgrade: the connection, and what came along with the head. */
  upgrade: { readonly socket: Socket; readonly head: Buffer } | null = null
  /** Whoever works for the client at present, and has to be told when it leaves. */
  carrier: { clientGone(): void } | null = null
  /** Told when the exchange is over, after every listener. */
  owner: ExchangeOwner | null = null

  readonly responseTaps: ResponseTap[] = []
  #request: PluginRequest | null = null
  #upstreamRequest: UpstreamRequest | null = null
  #closeListeners: ((exchange: Exchange) => void)[] | null = null
  #closed = false

  constructor(facts: RequestFacts, raw: ReceivedRequest | null = null, response: ClientResponse | null = null) {
    this.facts = facts
    this.raw = raw
    this.response = response
    this.dry = raw === null
  }

  get id(): string {
    return this.facts.id
  }

  /** What hooks are given as `request`. */
  get request(): PluginRequest {
    this.#request ??= new PluginRequest(this)
    return this.#request
  }

  /** What the match captured, by name, as raw segments; `*` is the rest after the prefix, without its leading slash. */
  get captures(): Readonly<Record<string, string>> {
    return this.pattern === null ? noInputs : capture(this.pattern, this.facts.path)
  }

  get upstreamRequest(): UpstreamRequest {
    this.#upstreamRequest ??= this.prepare(this)
    return this.#upstreamRequest
  }

  /** The plugin that is running only observes: it decides and counts, but nothing it does may reach the client or the upstream. */
  get observing(): boolean {
    return this.running.observing
  }

  /** The certificate that the client showed; null in a dry run too. */
  get clientCertificate(): ClientCertificate | null {
    return this.raw === null ? null : clientCertificateOf(this.raw.socket)
  }

  /** Every value of a request header as the client sent it, one per field line. `name` is lower case. */
  headerValues(name: string): string[] {
    return valuesOf(this.facts.rawHeaders, name)
  }

  /** Says what the running plugin decided and from what. Costs nothing when nobody listens. */
  decide(verdict: Verdict, reason: string, inputs: Readonly<Record<string, unknown>> = noInputs): void {
    if (!this.recording) return
    const { plugin, id, observing } = this.running
    this.decisions.push({ plugin, item: id, verdict, reason, mode: observing ? 'observe' : 'enforce', inputs })
  }

  /** The client proved who it is. In observe mode this authenticates nobody and changes nothing. */
  authenticate(consumer: Consumer, credentials: Credentials = {}): void {
    if (this.observing) return
    this.authentications++
    this.consumer = consumer
    const { upstreamRequest } = this
    for (const name of credentials.hideHeaders ?? []) upstreamRequest.headers.delete(name)
    if (credentials.hideQuery !== undefined) upstreamRequest.deleteQuery(credentials.hideQuery)
    const forward = credentials.forward ?? []
    for (let i = 0; i < forward.length; i += 2) upstreamRequest.headers.set(forward[i]!, forward[i + 1]!)
    this.forwarded = forward.length === 0 ? this.forwarded : [...this.forwarded, ...forward]
  }

  /** Everything told to the upstream about the identity besides its name: a cache keyed by identity holds this too. */
  forwarded: readonly string[] = []

  /**
   * Calls back once when the exchange is over, however it ended: status, bytes, times and problem are then final.
   * The same function given twice (a plugin in two chains of one route) is called once.
   */
  onClose(listener: (exchange: Exchange) => void): void {
    this.#closeListeners ??= []
    if (!this.#closeListeners.includes(listener)) this.#closeListeners.push(listener)
  }

  /**
   * Offers an answer for when the upstream fails before its answer begins, by not answering or with 500, 502, 503 or
   * 504, and nothing else is tried. The last to offer, nearest to the upstream, is asked. Not for upgrades.
   */
  answerOnFailure(answer: StandInAnswer): void {
    if (!this.observing) this.standIn = new StandIn(this, answer)
  }

  /** The status that logs and metrics count: the one sent; where the answer broke off, why: 499 if the client left. */
  get outcome(): number {
    if (!this.aborted) return this.reply.statusCode
    return this.problem?.status ?? problems['client-closed'].status
  }

  /** Milliseconds from the request head to the end; meaningful once closed. */
  get durationMs(): number {
    return this.closedAt - this.startedAt
  }

  /** Milliseconds from asking the upstream to its response head, or to the end where none came; null if it was not asked. */
  get upstreamMs(): number | null {
    if (this.upstreamStartedAt === 0) return null
    return (this.upstreamHeadAt === 0 ? this.closedAt : this.upstreamHeadAt) - this.upstreamStartedAt
  }

  /** Milliseconds that the gateway itself took: until it asked the upstream, or all of them where it answered itself. */
  get overheadMs(): number {
    return (this.upstreamStartedAt === 0 ? this.closedAt : this.upstreamStartedAt) - this.startedAt
  }

  /** The connection is done with this exchange: the answer went out whole, or the client is gone. */
  leave(finished: boolean): void {
    if (this.#closed) return
    if (!finished) {
      this.carrier?.clientGone()
      this.aborted = true
      this.problem ??= new Problem('client-closed', 'The client closed the connection before the answer was complete.')
    }
    this.close()
  }

  /** Ends the exchange. Called by the gateway alone; a second call does nothing. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.closedAt = performance.now()
    if (this.#closeListeners !== null) for (const listener of this.#closeListeners) this.#tell(listener)
    this.owner?.closed(this)
  }

  #tell(listener: (exchange: Exchange) => void): void {
    try {
      listener(this)
    } catch (error) {
      this.owner?.failed(this, error)
    }
  }
}

const noInputs: Readonly<Record<string, never>> = Object.freeze({})

function capture(pattern: PathPattern, path: string): Record<string, string> {
  const segments = path.slice(1).split('/')
  const captures: Record<string, string> = {}
  for (const [index, segment] of pattern.segments.entries()) {
    if ('parameter' in segment) captures[segment.parameter] = segments[index]!
  }
  if (pattern.wildcard) captures['*'] = segments.slice(pattern.segments.length).join('/')
  return captures
}

function notRouted(): never {
  throw new Error('upstreamRequest is used before a route matched')
}
