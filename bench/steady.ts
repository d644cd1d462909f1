/** A modest load at a constant rate, whatever the answers take: what one client sees while something else goes on. */
import { connect, type Socket } from 'node:net'

export interface Seen {
  readonly slowestMs: number
  /** Requests that took longer than 20 ms. */
  readonly over: number
  /** Of them, those that did so without the time for which the client itself got no turn. */
  readonly held: number
  readonly requests: number
}

export interface SteadyLoad {
  /** Of the requests since the last call, from when each was due. */
  seen(): Seen
  /** Answers with 200, and everything else. */
  readonly counts: { readonly ok: number; readonly failed: number }
  stop(): void
}

const OVER_MS = 20
const TICK_MS = 1
/** Between two ticks: longer, and the client stood still. */
const LATE_MS = 3

const none: Seen = { slowestMs: 0, over: 0, held: 0, requests: 0 }

/** When this thread got no turn: by its ticks. */
class OwnStalls {
  #last = performance.now()
  readonly #stalls: { readonly from: number; readonly to: number }[] = []

  tick(): void {
    const now = performance.now()
    if (now - this.#last > LATE_MS) this.#stalls.push({ from: this.#last, to: now })
    this.#last = now
  }

  /** Milliseconds since `from`, with those that are not over. */
  since(from: number): number {
    this.tick()
    const later = this.#stalls.slice(this.#stalls.findLastIndex(({ to }) => to <= from) + 1)
    return later.reduce((sum, stall) => sum + stall.to - Math.max(stall.from, from), 0)
  }
}

/** Sends one request every `everyMs` to the next of `paths`, on kept connections. */
export function startSteadyLoad(port: number, paths: readonly string[], everyMs: number): SteadyLoad {
  const idle: Socket[] = []
  const open = new Set<Socket>()
  const counts = { ok: 0, failed: 0 }
  let seen = none
  const own = new OwnStalls()
  let due = performance.now() + everyMs
  let sent = 0
  const send = (dueAt: number) => {
    const socket = idle.pop() ?? opened(port, open)
    const path = paths[sent++ % paths.length]!
    let head = ''
    const over = (ok: boolean) => {
      socket.removeAllListeners()
      const ms = performance.now() - dueAt
      const isOver = ms > OVER_MS
      seen = {
        slowestMs: Math.max(seen.slowestMs, ms),
        over: seen.over + Number(isOver),
        held: seen.held + Number(isOver && ms - own.since(dueAt) > OVER_MS),
        requests: seen.requests + 1,
      }
      if (ok) counts.ok++
      else counts.failed++
      if (ok) idle.push(socket)
      else socket.destroy()
      socket.on('error', () => socket.destroy())
    }
    socket.on('data', (bytes: Buffer) => {
      head += bytes.toString('latin1')
      // Answers are small, and end with the bytes that the origin sends.
      if (head.endsWith('\r\n\r\nok')) over(head.startsWith('HTTP/1.1 200'))
      else if (head.includes('\r\n\r\n') && !head.startsWith('HTTP/1.1 200')) over(false)
    })
    socket.on('error', () => over(false))
    socket.on('close', () => over(false))
    socket.write(`GET ${path} HTTP/1.1\r\nhost: bench\r\n\r\n`)
  }
  const timer = setInterval(() => {
    own.tick()
    for (; due <= performance.now(); due += everyMs) send(due)
  }, TICK_MS)
  return {
    counts,
    seen() {
      const now = seen
      seen = none
      return now
    },
    stop() {
      clearInterval(timer)
      for (const socket of open) socket.removeAllListeners().destroy()
    },
  }
}

function opened(port: number, open: Set<Socket>): Socket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  open.add(socket)
  return socket
}
