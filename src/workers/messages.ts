/** What passes between the supervisor and a worker. One call at a time has one answer; notes have none. */
import type { Diagnostic } from '../config/diagnostic.ts'
import type { PackedConfig } from '../config/packed.ts'
import type { Announcement } from '../observe/announcement.ts'
import type { LogLevel } from '../observe/log.ts'
import type { Commands, Order, Questions } from '../serving/server.ts'
import type { SharedCountersHandle } from '../state/shared-counters.ts'
import type { SharedInFlightHandle } from '../state/shared-in-flight.ts'
import type { Ports } from './claim.ts'
import type { Pulse } from './pulse.ts'
import type { Share } from './share.ts'

/** What every worker is given when it starts. */
export interface Birth {
  /** Our name in `via` where the config gives none. */
  readonly name: string
  readonly ticketSecret: Uint8Array
  readonly level: LogLevel
  /** Where it shows that its event loop turns. */
  readonly pulse: Pulse
  readonly counters: SharedCountersHandle
  readonly inFlight: SharedInFlightHandle
  /** What the threads of this gateway have in common, and no others of this process. */
  readonly family: string
  /** What `start.js` loads. */
  readonly program: string
  /** Where the main thread keeps compiled code. */
  readonly compileCache: string | undefined
}

/** Whose place a worker takes, once it has loaded. */
export interface Place {
  readonly id: number
  readonly share: Share
  /** Where it counts its requests, for others to read. */
  readonly tally: Float64Array
}

export interface Calls {
  /** The first of all. */
  readonly take: { readonly takes: Place; readonly answer: null }
  readonly prepare: {
    readonly takes: Omit<Order, 'config'> & {
      readonly packed: PackedConfig
      /** Number of the generation whose parts it is packed against; 0: none. */
      readonly against: number
      readonly ports: Ports
    }
    readonly answer: null
  }
  readonly commit: { readonly takes: null; readonly answer: null }
  readonly abandon: { readonly takes: null; readonly answer: null }
  readonly tell: { readonly takes: CommandMessage; readonly answer: null }
  readonly ask: { readonly takes: QuestionMessage; readonly answer: unknown }
  readonly drain: { readonly takes: null; readonly answer: null }
  readonly close: { readonly takes: number; readonly answer: null }
  readonly end: { readonly takes: null; readonly answer: null }
}

export type CommandMessage = {
  [Name in keyof Commands]: { readonly name: Name; readonly command: Commands[Name] }
}[keyof Commands]

export type QuestionMessage = {
  [Name in keyof Questions]: { readonly name: Name; readonly question: Questions[Name]['takes'] }
}[keyof Questions]

export type CallMessage = {
  [Name in keyof Calls]: { readonly call: Name; readonly number: number; readonly takes: Calls[Name]['takes'] }
}[keyof Calls]

export interface AnswerMessage {
  readonly number: number
  readonly answer?: unknown
  readonly failure?: Failure
}

/** An error on its way to another thread. */
export interface Failure {
  readonly message: string
  /** Set where the config does not compile. */
  readonly diagnostics?: readonly Diagnostic[]
  readonly code?: string
  readonly syscall?: string
}

export type Note =
  /** Loaded, and ready for calls. */
  | { readonly note: 'ready' }
  | { readonly note: 'log'; readonly line: string }
  | { readonly note: 'series'; readonly announcement: Announcement }
  /** A generation has served its last request. */
  | { readonly note: 'retired' }

export type FromWorker = AnswerMessage | Note
