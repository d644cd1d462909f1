/** An origin whose answers are numbered, and a gateway in front of it that caches them. */
import { createHash } from 'node:crypto'
import type { RequestListener, ServerResponse } from 'node:http'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { type Origin, startOrigin } from '../../support/origin.ts'
import { openWire } from '../../support/wire.ts'

export interface Setup extends AsyncDisposable {
  readonly origin: Origin
  readonly gateway: TestGateway
  /** Sends GETs one after the other; for each, the number of the origin's answer it got and whether it was a hit. */
  ask(...requests: readonly (string | Ask)[]): Promise<string[]>
  /** Sends a request for / with these header lines as they are, and reads to the end of the connection. */
  raw(method: string, ...lines: readonly string[]): Promise<string>
}

export interface Ask {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
}

export interface SetupOptions {
  readonly cache?: string
  /** Chain above and below the cache. */
  readonly above?: string
  readonly below?: string
  readonly answer?: RequestListener
  readonly head?: Record<string, string>
}

const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`

export function yaml(origin: string, { cache = '{ ttl: 1h }', above = '', below = '' }: SetupOptions): string {
  const isPublic = above.includes('api-key') && !above.includes('optional') ? '' : 'public: test, '
  return `
consumers:
  shop: { keys: ["${digest('shop')}"] }
  app: { keys: ["${digest('app')}"] }
routes:
  r: { match: /*, upstream: "${origin}", ${isPublic}plugins: [${above}${above && ', '}cache: ${cache}${below && ', '}${below}] }
`
}

/** An origin whose answers are numbered, with these headers. */
export async function start(options: SetupOptions = {}): Promise<Setup> {
  let count = 0
  const numbered = (_: unknown, response: ServerResponse) => {
    count++
    response.writeHead(200, { 'content-length': String(count).length, ...options.head }).end(String(count))
  }
  const origin = await startOrigin(options.answer ?? numbered)
  const gateway = await startGateway(yaml(origin.url, options))
  return {
    origin,
    gateway,
    async ask(...requests) {
      const found: string[] = []
      for (const request of requests) {
        const { path = '/', ...init } = typeof request === 'string' ? { path: request } : request
        const answer = await gateway.fetch(path, init)
        const said = answer.headers.get('cache-status')?.replace(/^sluice; (hit|fwd=[a-z-]+).*$/, '$1') ?? 'none'
        found.push(`${await answer.text()} ${said}`)
      }
      return found
    },
    async raw(method, ...lines) {
      const wire = await openWire(gateway.port)
      const head = [`${method} / HTTP/1.1`, `host: 127.0.0.1:${gateway.port}`, ...lines, 'connection: close']
      wire.send(`${head.join('\r\n')}\r\n\r\n`)
      return wire.closed()
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
    },
  }
}
