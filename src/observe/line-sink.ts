/**
 * Writes lines to a file or a standard stream without ever blocking or failing its caller: memory is bounded, and lines
 * that cannot be written are dropped and counted. A full disk or a reader that left costs log lines, never requests.
 */
import { close, constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants

/** Lines are gathered this long, so that a busy loop pays for few writes. */
const GATHER_MS = 20
/** More than this waiting is written at once. */
const GATHER_LENGTH = 65_536
/** What may wait for a slow destination, in UTF-16 units; further lines are dropped. */
const MAX_WAITING = 8 * 1024 * 1024
const RETRY_BUSY_MS = 20
const RETRY_FAILED_MS = 1000
/** How long closing, or the end of the process, waits for a full pipe. */
const PATIENCE_MS = 200
const NEWLINE = 10
const EMPTY = Buffer.alloc(0)

export interface LineSinkEvents {
  /** So many lines are lost. */
  dropped(lines: number): void
  /** Writing began to fail: once, not for each line. */
  failed(error: Error): void
  /** Writing works again. */
  recovered(): void
}

export class LineSink {
  readonly #destination: string
  readonly #events: LineSinkEvents
  /** The standard stream of a worker thread, which is a way to the main thread. */
  readonly #stream: NodeJS.WriteStream | null
  #fd = -1
  #waiting: string[] = []
  #waitingLength = 0
  /** What is being written; empty when nothing is. */
  #batch: Buffer = EMPTY
  #inFlight = false
  #timer: NodeJS.Timeout | undefined
  #failing = false
  /** The last line written is cut off: the next one must not continue it. */
  #torn = false
  #closing: (() => void) | null = null
  /** Until when a full pipe is waited for. */
  #deadline = Number.POSITIVE_INFINITY
  #closed = false

  // Lines still waiting when the process ends are written then; that is the process's affair, hence one list for all sinks.
  static readonly #open = new Set<LineSink>()

  /** `stdout`, `stderr` or the path of a file, which is opened for appending when the first line comes. */
  constructor(destination: string, events: LineSinkEvents) {
    this.#destination = destination
    this.#events = events
    this.#stream = isMainThread
      ? null
      : destination === 'stdout'
        ? process.stdout
        : destination === 'stderr'
          ? process.stderr
          : null
    if (LineSink.#open.size === 0) process.on('exit', LineSink.#finishAll)
    LineSink.#open.add(this)
  }

  /** Takes one or more whole lines, each with its newline. */
  write(lines: string): void {
    if (this.#closed || this.#waitingLength + lines.length > MAX_WAITING) {
      this.#events.dropped(countLines(lines))
      return
    }
    this.#waiting.push(lines)
    this.#waitingLength += lines.length
    if (this.#batch !== EMPTY) return
    if (this.#timer === undefined) this.#schedule(GATHER_MS)
    else if (this.#waitingLength > GATHER_LENGTH && !this.#failing) this.#flush()
  }

  /** Writes what is waiting, as far as that works, and lets go of the file. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#closed = true
    this.#deadline = performance.now() + PATIENCE_MS
    return new Promise((resolve) => {
      this.#closing = resolve
      if (this.#batch === EMPTY) this.#flush()
    })
  }

  #schedule(delay: number): void {
    // Unreferenced: an idle log does not keep the process alive, and the exit listener writes the rest.
    this.#timer = setTimeout(() => this.#flush(), delay).unref()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.length === 0) {
      if (this.#closing !== null) this.#release()
      return
    }
    this.#batch = this.#take()
    if (this.#stream !== null) {
      this.#handOver(this.#stream)
      return
    }
    try {
      if (this.#fd === -1) this.#fd = openDestination(this.#destination)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#writeBatch()
  }

  #take(): Buffer {
    const text = (this.#torn ? '\n' : '') + this.#waiting.join('')
    this.#waiting = []
    this.#waitingLength = 0
    return Buffer.from(text)
  }

  /** To the main thread, which takes all of it at once and has a sink of its own: lines of two threads must not mix. */
  #handOver(stream: NodeJS.WriteStream): void {
    this.#inFlight = true
    stream.write(this.#batch, () => {
      this.#inFlight = false
      this.#batch = EMPTY
      if (this.#waiting.length > 0 || this.#closing !== null) this.#flush()
    })
  }

  #writeBatch(): void {
    this.#inFlight = true
    write(this.#fd, this.#batch, (error, written) => {
      this.#inFlight = false
      if (error !== null) {
        this.#onWriteError(error)
        return
      }
      this.#wrote(written)
      if (this.#batch !== EMPTY) {
        this.#writeBatch()
        return
      }
      if (this.#failing) this.#events.recovered()
      this.#failing = false
      if (this.#waiting.length > 0 || this.#closing !== null) this.#flush()
    })
  }

  #wrote(bytes: number): void {
    if (bytes === 0) return
    this.#torn = this.#batch[bytes - 1] !== NEWLINE
    this.#batch = bytes === this.#batch.length ? EMPTY : this.#batch.subarray(bytes)
  }

  #onWriteError(error: NodeJS.ErrnoException): void {
    if (error.code === 'EAGAIN' && performance.now() < this.#deadline) {
      this.#timer = setTimeout(() => this.#writeBatch(), RETRY_BUSY_MS).unref()
      return
    }
    this.#fail(error)
  }

  #fail(error: Error): void {
    this.#events.dropped(countLines(this.#batch.toString('latin1')))
    this.#batch = EMPTY
    if (!this.#failing) this.#events.failed(error)
    this.#failing = true
    if (this.#closing === null) this.#schedule(RETRY_FAILED_MS)
    else this.#release()
  }

  #release(): void {
    if (this.#waiting.length > 0) this.#events.dropped(countLines(this.#waiting.join('')))
    this.#forget()
    const released = this.#closing ?? (() => {})
    if (this.#fd > 2) close(this.#fd, released)
    else released()
  }

  #forget(): void {
    LineSink.#open.delete(this)
    if (LineSink.#open.size === 0) process.off('exit', LineSink.#finishAll)
  }

  static #finishAll(): void {
    for (const sink of LineSink.#open) sink.#finish()
  }

  /** The process ends: writes what is not on its way already, as far as that works at once. */
  #finish(): void {
    const deadline = performance.now() + PATIENCE_MS
    if (this.#stream !== null) {
      this.#stream.write(this.#take())
      return
    }
    const rest = this.#inFlight ? this.#take() : Buffer.concat([this.#batch, this.#take()])
    let written = 0
    while (written < rest.length) {
      try {
        if (this.#fd === -1) this.#fd = openDestination(this.#destination)
        written += writeSync(this.#fd, rest, written)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > deadline) {
          this.#events.dropped(countLines(rest.toString('latin1', written)))
          return
        }
        Atomics.wait(SLEEP, 0, 0, 5)
      }
    }
  }
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4))

function openDestination(destination: string): number {
  const fd = destination === 'stdout' ? 1 : destination === 'stderr' ? 2 : undefined
  // O_NONBLOCK: a named pipe without a reader is an error at once instead of a wait.
  if (fd === undefined) return openSync(destination, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o640)
  const found = fstatSync(fd)
  // A reader that stalls would hold a thread, and the end of the process, for ever: these must not block.
  if (found.isSocket()) stopBlocking(fd)
  if (!found.isFIFO()) return fd
  try {
    // An own description of the pipe: making the shared one non-blocking would change it for its other writers.
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK)
  } catch {
    // No /proc, or no reader any more: the descriptor itself will do, and says what is wrong when written to.
    return fd
  }
}

/** A socket cannot be opened again; Node makes it non-blocking on first use of the stream, and restores it at exit. */
function stopBlocking(fd: 1 | 2): void {
  void (fd === 1 ? process.stdout : process.stderr)
}

function countLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++
  return count
}
