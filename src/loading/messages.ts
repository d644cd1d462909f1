/** What passes between the process that checks a file, the thread that keeps it, and the one that asked. */
import type { PackedConfig } from '../config/packed.ts'
import type { Prints } from '../config/parts.ts'
import type { Checked, Question, Servable, Verdict } from './checked.ts'

/** What the process is told first. */
export interface Task {
  readonly question: Question
  /** Of plugin files, when they were imported where it will be served. */
  readonly digests: ReadonlyMap<string, string>
  /** Tells the answer from what plugins send their parent. */
  readonly token: string
}

/** What the thread is told. */
export interface Keeping {
  /** What `start.js` loads. */
  readonly program: string
  readonly task: Task
  /** The process gets no longer. */
  readonly mostMs: number
  /** Null: none is kept. */
  readonly compileCache: string | null
  readonly execArgv: readonly string[]
}

export interface PackedServable extends Omit<Servable, 'config' | 'prints'> {
  readonly packed: PackedConfig
  /** Of the parts that are not there already. */
  readonly fresh: Prints
}

export interface Answer extends Omit<Checked, 'verdict'> {
  readonly token: string
  readonly verdict: Exclude<Verdict, Servable> | PackedServable
}

/** The same, as the thread passes it on. */
export interface Kept extends Omit<Checked, 'verdict'> {
  readonly verdict: Exclude<Verdict, Servable> | KeptServable
}

export interface KeptServable extends Omit<PackedServable, 'fresh'> {
  /** Of all parts. */
  readonly prints: Prints
}

export type Outcome = { readonly kept: Kept } | { readonly failure: string }
