/** What passes between the thread that checks a file and the one that asked for it. */
import type { MessagePort } from 'node:worker_threads'
import type { ConfigHead } from '../config/config-slices.ts'
import type { Checked, Question, Servable, Verdict } from './checked.ts'

/** What the thread is given when it starts. */
export interface Task {
  readonly question: Question
  /** Of plugin files, when they were imported where it will be served. */
  readonly digests: ReadonlyMap<string, string>
  /** Takes the config, in slices. */
  readonly slices: MessagePort
  /** Where the main thread keeps compiled code. */
  readonly compileCache: string | undefined
}

export interface Answer extends Omit<Checked, 'verdict' | 'excerpts'> {
  readonly verdict: Exclude<Verdict, Servable> | (Omit<Servable, 'config'> & { readonly head: ConfigHead })
}
