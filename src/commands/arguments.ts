/** How commands read their arguments: by the table that their manual is made of. */
import { parseArgs } from 'node:util'
import type { CommandIo } from './command.ts'
import { type Manual, synopsisOf } from './manual/manual.ts'

/** What a command that runs to its end needs of the process. */
export type Io = Omit<CommandIo, 'onSignal'>

/** 0: fine; 1: the config, or the answer, is bad; 2: the command was not understood. */
export type ExitCode = 0 | 1 | 2

export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  readonly positionals: readonly string[]
}

/** The arguments, or null after the usage has been shown. */
export function readArguments(args: readonly string[], manual: Manual, io: Io): Arguments | null {
  const { options, words } = manual
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    if (positionals.length === words.length) return { values: values as Arguments['values'], positionals }
    const extra = positionals[words.length]
    misuse(extra === undefined ? missingText(words.slice(positionals.length)) : `unexpected "${extra}"`, manual, io)
  } catch (error) {
    // parseArgs explains an unknown option and a missing value in one sentence, then advises at length.
    misuse(error instanceof Error ? error.message.split('. ', 1)[0]! : 'not understood', manual, io)
  }
  return null
}

function missingText(words: readonly string[]): string {
  return `${words.join(' and ')} ${words.length === 1 ? 'is' : 'are'} missing`
}

/** Says what was not understood, and how the command is called. */
export function misuse(why: string, manual: Manual, io: Io): 2 {
  io.stderr(`${why}\nusage: ${synopsisOf(manual).join('\n       ')}\n`)
  return 2
}
