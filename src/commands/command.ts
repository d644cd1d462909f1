/** What a command is, and what it may touch of the process. */
import type { GatewayOptions } from '../gateway.ts'
import type { Manual } from './manual/manual.ts'

export interface CommandIo {
  stdout(text: string): void
  stderr(text: string): void
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Where the log of a gateway goes. Default: standard error. */
  readonly log?: GatewayOptions['log']
  /** Calls back on each signal of a kind; without a listener the signal ends the process. */
  onSignal(signal: NodeJS.Signals, listener: () => void): void
}

/** The exit code of a program that was killed: no exit would come to an end, because it waits for a thread that hangs. */
export const KILLED = 137

export interface Command {
  readonly manual: Manual
  /** Resolves with the exit code: 0 fine, 1 the config or the answer is bad, 2 usage. */
  run(args: readonly string[], io: CommandIo): Promise<number>
}
