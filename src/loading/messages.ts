/** What passes between the process that checks a file, the one that starts it, and the gateway. */
import type { PackedConfig } from '../config/packed.ts'
import type { Prints } from '../config/parts.ts'
import type { Checked, Question, Servable, Verdict } from './checked.ts'
import type { Announced, Long } from './long.ts'

/** What the process is told first. */
export interface Task {
  readonly question: Question
  /** Of plugin files, when they were imported where it will be served. */
  readonly digests: ReadonlyMap<string, string>
  /** Tells the answer from what plugins send their parent. */
  readonly token: string
  /** Number of the process that has started it. */
  readonly parent: number
}

/** What is told to who starts the process. */
export interface Order {
  readonly task: Omit<Task, 'parent'>
  readonly execArgv: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

export interface PackedServable extends Omit<Servable, 'config' | 'prints'> {
  readonly packed: PackedConfig
  /** Of the parts that are not there already. */
  readonly fresh: Prints
}

export interface Answer extends Omit<Checked, 'verdict'> {
  readonly verdict: Exclude<Verdict, Servable> | PackedServable
}

/** What the process says. */
export interface Said {
  readonly token: string
  readonly outcome: { readonly answer: Answer; readonly long: readonly Long[] }
}

/** What the gateway is told of that. Whatever is long, it asks for piece by piece. */
export type Outcome = { readonly answer: Answer; readonly long: readonly Announced[] } | { readonly failure: string }
