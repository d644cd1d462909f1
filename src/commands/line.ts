/** One call of `sluice`: its words → the command → the exit code. */
import type { CommandIo } from './command.ts'
import { commands } from './commands.ts'

export async function runLine([first = 'help', ...args]: readonly string[], io: CommandIo): Promise<number> {
  const name = asksForHelp(first) ? 'help' : first
  const command = commands.get(name)
  if (command === undefined) return (await import('./help.ts')).unknownCommand(name, io)
  if (args.some(asksForHelp)) return (await import('./help.ts')).runHelp(name === 'help' ? args : [name], io)
  return command.run(args, io)
}

export function asksForHelp(word: string): boolean {
  return word === '--help' || word === '-h'
}
