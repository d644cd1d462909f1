/** `sluice` as a shell would call it, in this process: the same words, output and exit code, without starting Node. */
import { runLine } from '../../src/commands/line.ts'

/** A plain call: nothing that needs a shell, except quotes. */
export function isCallOfSluice(line: string): boolean {
  return /^sluice(?: (?:[^\s'"`$;|&<>\\]|'[^']*')+)+$/.test(line)
}

export interface Called {
  /** Both streams, as a terminal shows them. */
  readonly output: string
  readonly exitCode: number
}

export async function sluice(line: string, place: { cwd: string; env: NodeJS.ProcessEnv }): Promise<Called> {
  if (!isCallOfSluice(line)) throw new Error(`not a plain call of sluice: ${line}`)
  const [, ...words] = line.match(/(?:[^\s']|'[^']*')+/g)!.map((word) => word.replaceAll("'", ''))
  let output = ''
  const print = (text: string) => {
    output += text
  }
  const exitCode = await runLine(words, { ...place, stdout: print, stderr: print, onSignal: () => {} })
  return { output, exitCode }
}
