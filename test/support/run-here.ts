/** `sluice run` in this process: signals are told to it, what it prints is kept. It costs a tenth of a process of its own. */
import { rm } from 'node:fs/promises'
import { runLine } from '../../src/commands/line.ts'
import { addressesIn, type RunOptions, runFolder } from './child.ts'

export interface RunHere extends AsyncDisposable {
  readonly file: string
  readonly output: { readonly stdout: string; readonly stderr: string }
  /** From the banner, once it serves. */
  readonly url: string
  readonly adminUrl: string
  signal(name: NodeJS.Signals): void
  /** The exit code. */
  ended(): Promise<number>
}

/** Resolves when the banner is out; rejects when it ends before. */
export async function runHere(
  yaml: string,
  { files = {}, args = [], env = {} }: Pick<RunOptions, 'files' | 'args' | 'env'> = {},
): Promise<RunHere> {
  const { folder, file } = await runFolder(yaml, files)
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const running = await callRun(['--config', file, ...args], { cwd: folder, env })
    return {
      ...running,
      file,
      ...addressesIn(running.output.stdout),
      async [Symbol.asyncDispose]() {
        running.signal('SIGINT')
        await running.ended()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** The same with a config that is there already. */
export async function callRun(
  args: readonly string[],
  place: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<Pick<RunHere, 'output' | 'signal' | 'ended'>> {
  const output = { stdout: '', stderr: '' }
  const listeners = new Map<NodeJS.Signals, () => void>()
  const { promise: printed, resolve: print } = Promise.withResolvers<void>()
  const keep = (text: string) => {
    output.stderr += text
  }
  const exit = runLine(['run', ...args], {
    ...place,
    stdout: (text) => {
      output.stdout += text
      print()
    },
    stderr: keep,
    log: { destination: { write: keep } },
    onSignal: (name, listener) => void listeners.set(name, listener),
  })
  const early = exit.then((code) => {
    if (output.stdout === '') throw new Error(`sluice ended with ${code}: ${output.stderr}`)
  })
  await Promise.race([printed, early])
  return { output, signal: (name) => listeners.get(name)?.(), ended: () => exit }
}
