/** A gateway before an origin, and the fields the origin sees of a request sent as raw lines. */
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'

export interface Setup extends AsyncDisposable {
  readonly gateway: TestGateway
  /** The fields the origin saw, in order, names in lower case. */
  seen(...lines: readonly string[]): Promise<readonly (readonly [string, string])[]>
  /** The value of one of them; several lines with `|` between. */
  value(name: string, ...lines: readonly string[]): Promise<string | undefined>
}

export async function start(front = ''): Promise<Setup> {
  const origin: Origin = await startOrigin()
  const gateway = await startGateway(
    `name: edge\n${front}\nroutes:\n  all: { match: /*, upstream: "${origin.url}", public: test }\n`,
  )
  const seen = async (...lines: readonly string[]) => {
    await exchange(
      gateway.port,
      `GET / HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
    )
    const raw = origin.requests.splice(0)[0]?.rawHeaders ?? []
    return raw.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1]!] as const] : []))
  }
  return {
    gateway,
    seen,
    async value(name, ...lines) {
      const values = (await seen(...lines)).filter(([one]) => one === name).map(([, value]) => value)
      return values.length === 0 ? undefined : values.join('|')
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
    },
  }
}

export const trusting = (header = 'x-forwarded-for', from = '127.0.0.1/32, 10.0.0.0/8, "fd00::/8"') =>
  `trustedProxies: { from: [${from}], header: ${header} }`
