/** What passes between the process that checks a file and the one that asked for it. */
import type { PackedConfig } from '../config/packed.ts'
import type { Prints } from '../config/parts.ts'
import type { Checked, Question, Servable, Verdict } from './checked.ts'

/** What the process is told first. */
export interface Task {
  readonly question: Question
  /** Of plugin files, when they were imported where it will be served. */
  readonly digests: ReadonlyMap<string, string>
}

export interface PackedServable extends Omit<Servable, 'config' | 'parts' | 'prints'> {
  readonly packed: PackedConfig
  /** Of the parts that are not there already. */
  readonly fresh: Prints
}

export interface Answer extends Omit<Checked, 'verdict'> {
  readonly verdict: Exclude<Verdict, Servable> | PackedServable
}
