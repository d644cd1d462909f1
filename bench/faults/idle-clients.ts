/**
 * Clients in groups, each group with an upstream to itself: all of a group ask at the same moment, so that each needs a connection
 * of its own, and ask again after a gap, so that each finds one that has been idle for just that long.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface IdleRun {
  readonly port: number
  readonly method: 'GET' | 'POST'
  readonly groups: number
  readonly perGroup: number
  /** In milliseconds, drawn anew for each round of a group. */
  readonly gap: () => number
  readonly requests: number
}

export interface IdleTally {
  sent: number
  failed: number
  /** By status, or what else came of it. */
  readonly failures: Map<string, number>
}

export async function runIdle(run: IdleRun): Promise<IdleTally> {
  const tally: IdleTally = { sent: 0, failed: 0, failures: new Map() }
  const groups = Array.from({ length: run.groups }, (_, index) => runGroup(index, run, tally))
  await Promise.all(groups)
  return tally
}

async function runGroup(index: number, { port, method, perGroup, gap, requests }: IdleRun, tally: IdleTally) {
  const body = method === 'POST' ? 'Content-Length: 2\r\n\r\nhi' : '\r\n'
  const bytes = `${method} /${index} HTTP/1.1\r\nHost: idle\r\n${body}`
  const clients = Array.from({ length: perGroup }, () => new Client(port))
  // Groups that begin together would ask together for ever.
  await pause(gap() * Math.random())
  while (tally.sent < requests) {
    for (const outcome of await Promise.all(clients.map((client) => client.ask(bytes)))) {
      tally.sent++
      if (outcome === '200') continue
      tally.failed++
      tally.failures.set(outcome, (tally.failures.get(outcome) ?? 0) + 1)
    }
    await pause(gap())
  }
  for (const client of clients) client.close()
}

/** One kept connection to the gateway; opened again when the gateway ends it. */
class Client {
  readonly #port: number
  #socket: Socket | null = null
  #received = ''
  #answered: ((outcome: string) => void) | null = null

  constructor(port: number) {
    this.#port = port
  }

  ask(bytes: string): Promise<string> {
    return new Promise((resolve) => {
      this.#received = ''
      this.#answered = resolve
      this.#socket ??= this.#open()
      this.#socket.write(bytes, 'latin1')
    })
  }

  close(): void {
    this.#socket?.destroy()
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1')
      const head = this.#received.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = Number(/^content-length: *([0-9]+)/im.exec(this.#received)?.[1] ?? 0)
      if (this.#received.length >= head + 4 + length) this.#settle(this.#received.slice(9, 12))
    })
    socket.on('error', (error: NodeJS.ErrnoException) => this.#settle(error.code ?? 'error'))
    socket.on('close', () => {
      this.#socket = null
      this.#settle('broken off')
    })
    return socket
  }

  #settle(outcome: string): void {
    const answered = this.#answered
    this.#answered = null
    answered?.(outcome)
  }
}
