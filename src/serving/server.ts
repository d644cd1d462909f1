/**
 * What the supervisor asks of whatever serves: one `Serving` in its own thread, or several in threads of their own.
 * Everything that passes here can be cloned into another thread.
 */
import type { Config } from '../config/config.ts'
import type { DescribedRequest } from '../explain/described-request.ts'
import type { ExplainAnswer } from '../explain/question.ts'
import type { GaugeReading } from '../observe/gauges.ts'
import type { Purge } from '../state/purges.ts'
import type { TargetReading } from '../upstream/reading.ts'
import type { TargetNotice } from '../upstream/target-states.ts'

/** A config to serve, and what only the supervisor knows about it. */
export interface Order {
  readonly config: Config
  /** Of the generation it becomes. */
  readonly number: number
  /** Where the embedded origin listens; null where no upstream is one. */
  readonly echoPort: number | null
  /** Another process has the addresses bound, and is to go when this one serves. */
  readonly beside: boolean
}

/** Told to everyone that serves, and to those that start later. */
export interface Commands {
  readonly 'target-state': TargetNotice
}

/** Asked of everyone that serves: what a question takes, and what each answers. */
export interface Questions {
  /** The gauges as they are now. */
  readonly gauges: { readonly takes: null; readonly answer: readonly GaugeReading[] }
  /** What is known about the targets. */
  readonly targets: { readonly takes: null; readonly answer: readonly TargetReading[] }
  /** Forgets kept answers, here and with all that share the store. */
  readonly purge: {
    readonly takes: Purge
    readonly answer: { readonly forgotten: number; readonly toldFleet: boolean }
  }
  /** How many objects that survive reloads are held: for leak tests. */
  readonly carried: { readonly takes: null; readonly answer: number }
  /** What would happen to a request. */
  readonly explain: { readonly takes: DescribedRequest; readonly answer: ExplainAnswer }
}

export interface WorkerStatus {
  readonly id: number
  readonly generation: number
  /** Requests since the worker started. */
  readonly requests: number
}

export type Addresses = ReadonlyMap<
  string,
  { readonly protocol: 'http' | 'https'; readonly host: string; readonly port: number }
>

export interface Server {
  /** Compiles and binds, and serves nothing of it yet. Rejects with nothing changed: CompileError, or Node's error for an address. */
  prepare(order: Order): Promise<void>
  /** Serves what was prepared; resolves when all of it does. The generation before is retired. */
  commit(): Promise<void>
  /** Lets go of what was prepared. */
  abandon(): Promise<void>
  tell<Name extends keyof Commands>(name: Name, command: Commands[Name]): Promise<void>
  /** One answer from each that could give one. */
  ask<Name extends keyof Questions>(
    name: Name,
    question: Questions[Name]['takes'],
  ): Promise<Questions[Name]['answer'][]>
  /** Brings gauges up to date whose readings can only be had asynchronously. */
  refresh(): Promise<void>
  /** Where each listener is bound, by name. */
  readonly addresses: Addresses
  readonly workers: readonly WorkerStatus[]
  /** Everyone serves the generation committed last. */
  readonly isCurrent: boolean
  /** A thread does nothing, and the process cannot exit before it does. */
  readonly isStuck: boolean
  /** Answers say `Connection: close` from now on; resolves when the listeners may close. */
  drain(): Promise<void>
  /** Closes the listeners; what is not over at the deadline is ended. */
  close(deadlineMs: number): Promise<void>
  /** Ends everything at once. */
  end(): Promise<void>
}
