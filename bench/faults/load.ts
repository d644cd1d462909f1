/** Closed-loop clients of the fault run: each sends a request when the one before is answered, and counts what failed. */
import { Agent, request } from 'node:http'

export interface Tally {
  sent: number
  failed: number
  /** What failed, by status or error code. */
  readonly failures: Map<string, number>
  readonly latencies: number[]
}

export interface LoadOptions {
  /** Milliseconds that a client waits before its next request. */
  readonly gap?: () => number
  /** False: each request has a connection of its own. */
  readonly keepAlive?: boolean
}

const newTally = (): Tally => ({ sent: 0, failed: 0, failures: new Map(), latencies: [] })

export class Load {
  readonly #url: string
  readonly #agent: Agent
  readonly #gap: () => number
  #tallies: Readonly<Record<'GET' | 'POST', Tally>> = { GET: newTally(), POST: newTally() }
  #running = true
  readonly #clients: Promise<void>[]

  constructor(
    url: string,
    clients: { readonly GET: number; readonly POST: number },
    { gap = () => 0, keepAlive = true }: LoadOptions = {},
  ) {
    this.#url = url
    this.#agent = new Agent({ keepAlive })
    this.#gap = gap
    const of = (method: 'GET' | 'POST') => Array.from({ length: clients[method] }, () => this.#client(method))
    this.#clients = [...of('GET'), ...of('POST')]
  }

  /** What happened since the last call. */
  take(): Readonly<Record<'GET' | 'POST', Tally>> {
    const taken = this.#tallies
    this.#tallies = { GET: newTally(), POST: newTally() }
    return taken
  }

  async stop(): Promise<void> {
    this.#running = false
    await Promise.all(this.#clients)
    this.#agent.destroy()
  }

  async #client(method: 'GET' | 'POST'): Promise<void> {
    while (this.#running) {
      const gap = this.#gap()
      if (gap > 0) await new Promise((resolve) => setTimeout(resolve, gap))
      const begun = performance.now()
      const outcome = await this.#ask(method)
      const tally = this.#tallies[method]
      tally.sent++
      tally.latencies.push(performance.now() - begun)
      if (outcome === '200') continue
      tally.failed++
      tally.failures.set(outcome, (tally.failures.get(outcome) ?? 0) + 1)
      // A client that fails at once would measure itself.
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  #ask(method: 'GET' | 'POST'): Promise<string> {
    return new Promise((resolve) => {
      const sent = request(this.#url, { method, agent: this.#agent }, (answer) => {
        answer.resume()
        answer.on('end', () => resolve(String(answer.statusCode)))
        answer.on('error', () => resolve('broken off'))
      })
      sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      sent.end(method === 'POST' ? 'one order' : undefined)
    })
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
