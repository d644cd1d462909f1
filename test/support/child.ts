/** `sluice run` as its own process: signals, exit codes, what it prints. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface RunningSluice extends AsyncDisposable {
  readonly process: ChildProcess
  readonly file: string
  readonly output: { stdout: string; stderr: string }
  /** From the banner: `http://127.0.0.1:port`. Wait for `serving` first. */
  readonly url: string
  readonly adminUrl: string
  /** Resolves when the banner is out; rejects when the process ends before. */
  serving(): Promise<void>
  /** The exit code, null after a signal. */
  ended(): Promise<number | null>
}

const entry = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface RunOptions {
  readonly files?: Readonly<Record<string, string>>
  readonly node?: readonly string[]
  readonly main?: string
  /** More arguments of `run`. */
  readonly args?: readonly string[]
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts it with this config and these files beside it. `node` are arguments of Node's own. */
export async function runSluice(
  yaml: string,
  { files = {}, node = [], main = entry, args = [], env = {} }: RunOptions = {},
): Promise<RunningSluice> {
  const { folder, file } = await runFolder(yaml, files)
  const child = spawn(process.execPath, [...node, main, 'run', '--config', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk
    child.emit('printed')
  })
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk
  })
  const exit = once(child, 'close').then(([code]) => code as number | null)
  return {
    process: child,
    file,
    output,
    get url() {
      return addressesIn(output.stdout).url
    },
    get adminUrl() {
      return addressesIn(output.stdout).adminUrl
    },
    async serving() {
      while (!/readyz/.test(output.stdout)) {
        const code = await Promise.race([exit, once(child, 'printed')])
        if (!Array.isArray(code)) throw new Error(`sluice ended with ${code}: ${output.stderr}`)
      }
    },
    ended: () => exit,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exit
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A folder with this config and these files. */
export async function runFolder(
  yaml: string,
  files: Readonly<Record<string, string>>,
): Promise<{ readonly folder: string; readonly file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-run-'))
  const file = join(folder, 'gateway.yaml')
  // What is no matter of threads is run in one: it starts in half the time. At the end: places in the text stay what they are.
  await writeFile(file, /^threads:/m.test(yaml) ? yaml : `${yaml}\nthreads: 1\n`)
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return { folder, file }
}

export function addressesIn(banner: string): { readonly url: string; readonly adminUrl: string } {
  const find = (pattern: RegExp) => pattern.exec(banner)?.[1] ?? ''
  return { url: find(/gateway +(http\S+)/), adminUrl: find(/admin +(http\S+?)\/? /) }
}
