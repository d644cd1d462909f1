/** Runs requests through a Pool and records what its listener is told. */
import type { ClientRequest, Origin, PoolOptions, RequestHead, ResponseHead } from '../../src/http1/client.ts'
import { Pool } from '../../src/http1/pool.ts'
import type { WireError } from '../../src/http1/wire-error.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'

export const OPTIONS: PoolOptions = {
  maxConnections: 8,
  maxIdle: 8,
  idleTimeoutMs: 10_000,
  queueLimit: 8,
  queueTimeoutMs: 5_000,
  connectTimeoutMs: 5_000,
  responseTimeoutMs: 5_000,
  bodyIdleTimeoutMs: 5_000,
  streamIdleTimeoutMs: 5_000,
  maxHeadBytes: 16 * 1024,
  maxHeaders: 50,
}

export interface TestPool extends Disposable {
  readonly pool: Pool
  ask(request?: Partial<RequestHead>, hooks?: Hooks): Asked
}

/** What a listener does beside recording. */
export interface Hooks {
  head?(asked: Asked): void
  data?(asked: Asked, chunk: Buffer, held: boolean): boolean
  drain?(asked: Asked): void
  end?(asked: Asked): void
}

export class Asked {
  handle!: ClientRequest
  head: ResponseHead | undefined
  body = ''
  pieces = 0
  trailers: string[] | undefined
  error: WireError | undefined
  readonly informational: number[] = []
  isSent = false
  isStopped = false
  /** Calls after end or error: always a defect. */
  late = 0
  #wake: () => void = () => {}

  get isOver(): boolean {
    return this.trailers !== undefined || this.error !== undefined
  }

  /** Resolves when `condition` holds; it is looked at after each event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async over(): Promise<this> {
    await this.until(() => this.isOver)
    return this
  }

  /** One line: status and body, or the error's code. */
  async outcome(): Promise<string> {
    await this.over()
    return this.error === undefined ? `${this.head?.status} ${this.body}` : this.error.code
  }

  noted(): void {
    this.#wake()
  }
}

export function testPool(origin: number | Origin, options: Partial<PoolOptions> = {}): TestPool {
  const where = typeof origin === 'number' ? { host: '127.0.0.1', port: origin } : origin
  const pool = new Pool(where, { ...OPTIONS, ...options })
  return {
    pool,
    ask: (request = {}, hooks = {}) => ask(pool, request, hooks),
    [Symbol.dispose]: () => pool.destroy(),
  }
}

function ask(pool: Pool, request: Partial<RequestHead>, hooks: Hooks): Asked {
  const asked = new Asked()
  const noting = (act: () => void): void => {
    if (asked.isOver) asked.late++
    act()
    asked.noted()
  }
  const head: RequestHead = {
    method: 'GET',
    target: '/',
    headers: ['Host', 'origin'],
    body: { kind: 'none' },
    ...request,
  }
  asked.handle = pool.request(head, {
    sent: () => noting(() => (asked.isSent = true)),
    informational: (status) => noting(() => asked.informational.push(status)),
    head: (received) => {
      noting(() => (asked.head = received))
      hooks.head?.(asked)
    },
    data: (chunk, held) => {
      noting(() => {
        asked.body += chunk.toString('latin1')
        asked.pieces++
      })
      return hooks.data?.(asked, chunk, held) ?? true
    },
    end: (trailers) => {
      noting(() => (asked.trailers = trailers))
      hooks.end?.(asked)
    },
    error: (error) => noting(() => (asked.error = error)),
    drain: () => {
      noting(() => {})
      hooks.drain?.(asked)
    },
    stopSending: () => noting(() => (asked.isStopped = true)),
  })
  return asked
}

/** Waits for something the pool does by itself; the test's own time limit ends a wait in vain. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Sends `bytes` to one request, then FIN; says what the listener was told. */
export async function outcomeOf(bytes: string, method = 'GET'): Promise<string> {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(bytes)
    connection.fin()
  })
  using client = testPool(origin.port)
  const asked = client.ask({ method })
  const outcome = await asked.outcome()
  if (asked.late > 0) throw new Error('the listener was called behind the end')
  return outcome
}
