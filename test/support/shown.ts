/** One command called in this process: its exit code, and what it shows. */
import type { Io } from '../../src/commands/arguments.ts'

export interface Shown {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export async function shownBy(
  command: (args: readonly string[], io: Io) => Promise<number>,
  args: readonly string[],
  { cwd = '/', env = {} }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Shown> {
  const shown = { stdout: '', stderr: '' }
  const io = {
    stdout: (text: string) => {
      shown.stdout += text
    },
    stderr: (text: string) => {
      shown.stderr += text
    },
    cwd,
    env,
  }
  return { code: await command(args, io), ...shown }
}
