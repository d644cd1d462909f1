/** A started program on the cores it is given: its output is kept for error messages, and it is stopped by pid, never by name. */
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processTree } from './cpu.ts'

const keptOutput = 8192
const stopGraceMs = 5000

const running = new Set<Child>()
let priority: readonly string[] = []

/** What is started from now on runs before everything else on its core. */
export function runFirst(): void {
  priority = ['chrt', '--rr', '10']
}

const folders = new Set<string>()

export class Child implements AsyncDisposable {
  readonly pid: number
  readonly exited: Promise<void>
  readonly #process: ChildProcess
  #output = ''
  #gone = false

  constructor(cores: number | string, command: string, args: readonly string[], cwd: string) {
    // taskset replaces itself with the command, so this pid is the command's own.
    const [program, ...before] = [...priority, 'taskset', '--cpu-list', String(cores)]
    this.#process = spawn(program!, [...before, command, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.pid = this.#process.pid ?? 0
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-keptOutput)
      })
    }
    this.exited = new Promise((resolve) => {
      const done = () => {
        this.#gone = true
        running.delete(this)
        resolve()
      }
      this.#process.once('error', (error) => {
        this.#output += error.message
        done()
      })
      this.#process.once('close', done)
    })
    running.add(this)
  }

  get gone(): boolean {
    return this.#gone
  }

  /** What it printed last. */
  get output(): string {
    return this.#output.trim()
  }

  async stop(): Promise<void> {
    if (this.#gone) return
    this.#process.kill('SIGTERM')
    await Promise.race([this.exited, sleep(stopGraceMs, undefined, { ref: false })])
    if (!this.#gone) this.killTree()
    await this.exited
  }

  /** Ends it and its descendants at once. */
  killTree(): void {
    for (const pid of processTree(this.pid)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended between being listed and being signalled.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Makes a folder of its own under the system's temporary one; it is removed with everything in it. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  folders.add(path)
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 3 })
      folders.delete(path)
    },
  }
}

/** Leaves nothing behind when the run is interrupted. */
export function cleanUpOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const child of running) child.killTree()
      for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
      process.exit(130)
    })
  }
}
