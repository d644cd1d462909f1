/** How commands read their arguments. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { CommandIo } from './command.ts'

/** What a command that runs to its end needs of the process. */
export type Io = Omit<CommandIo, 'onSignal'>

/** 0: fine; 1: the config, or the answer, is bad; 2: the command was not understood. */
export type ExitCode = 0 | 1 | 2

export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  readonly positionals: readonly string[]
}

export interface Grammar {
  /** One line: `sluice check [--config FILE] [--json]`. */
  readonly usage: string
  readonly options: ParseArgsOptionsConfig
  /** How many words follow the options. */
  readonly words: number
}

/** The arguments, or null after the usage has been shown. */
export function readArguments(args: readonly string[], grammar: Grammar, io: Io): Arguments | null {
  const { usage, options, words } = grammar
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    if (positionals.length === words) return { values: values as Arguments['values'], positionals }
    const wrong = positionals.length > words ? `unexpected "${positionals[words]}"` : 'something is missing'
    io.stderr(`${wrong}\nusage: ${usage}\n`)
  } catch (error) {
    // parseArgs explains an unknown option and a missing value in one sentence, then advises at length.
    const reason = error instanceof Error ? error.message.split('. ', 1)[0] : 'not understood'
    io.stderr(`${reason}\nusage: ${usage}\n`)
  }
  return null
}
