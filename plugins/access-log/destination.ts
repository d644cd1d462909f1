/** Where the lines go. All items that name the same file share one; a failing one drops lines and says so once. */
import { accessSync, constants, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { LineSink, type Scope } from '#gateway'

/** `stdout`, `stderr` or an absolute path. Throws where the path cannot be a log: a bad config must not load. */
export function locate(to: string, folder: string): string {
  if (to === 'stdout' || to === 'stderr') return to
  const path = resolve(folder, to)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory()) throw new Error(`cannot log to ${path}: it is a directory`)
  try {
    // Not opened: `check` compiles the config too, and leaves no files behind.
    accessSync(found === undefined ? dirname(path) : path, constants.W_OK)
  } catch (error) {
    throw new Error(`cannot log to ${path}: ${(error as Error).message}`, { cause: error })
  }
  return path
}

export class Destination {
  readonly #sink: LineSink

  constructor(to: string, { log, metrics }: Pick<Scope, 'log' | 'metrics'>) {
    const lost = metrics.counter('access_log_dropped_total', 'Access log lines that could not be written.').series()
    this.#sink = new LineSink(to, {
      dropped: (lines) => lost.inc(lines),
      failed: (error) => log.error({ error, to }, 'the access log cannot be written; its lines are dropped'),
      recovered: () => log.info({ to }, 'the access log is written again'),
    })
  }

  write(line: string): void {
    this.#sink.write(line)
  }

  /** Called when no generation logs here any more. */
  close(): void {
    void this.#sink.close()
  }
}
