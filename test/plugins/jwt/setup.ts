/** An issuer, an origin and a gateway between them whose one route demands the issuer's tokens. */
import { startGateway, type TestGateway, type TestGatewayOptions } from '../../support/gateway.ts'
import { type Origin, startOrigin } from '../../support/origin.ts'
import { ISSUER, type Issuer, type IssuerKey, issuerKey, startIssuer } from './issuer.ts'

export interface Setup extends AsyncDisposable {
  readonly key: IssuerKey
  readonly issuer: Issuer
  readonly origin: Origin
  readonly gateway: TestGateway
  /** Sends a GET with this bearer token. */
  send(token: string): Promise<Response>
  /** The config with other options, or other text in front. */
  config(options?: string, front?: string): string
}

export interface SetupOptions extends TestGatewayOptions {
  /** Options besides the issuer, as YAML: `audience: orders, forward: false`. */
  readonly options?: string
  /** Instead of `jwks: <the issuer's URL>`. */
  readonly source?: string
  readonly front?: string
  readonly key?: IssuerKey
}

export async function startSetup(init: SetupOptions = {}): Promise<Setup> {
  const key = init.key ?? (await issuerKey('first'))
  const issuer = await startIssuer(key)
  const origin = await startOrigin()
  const config = (options = init.options ?? '', front = init.front ?? '') => `${front}
routes:
  orders:
    match: /orders
    upstream: ${origin.url}
    plugins:
      - jwt: { issuer: "${ISSUER}", ${init.source ?? `jwks: "${issuer.url}"`}, ${options} }
`
  const gateway = await startGateway(config(), init)
  return {
    key,
    issuer,
    origin,
    gateway,
    config,
    send: (token) => gateway.fetch('/orders', { headers: { authorization: `Bearer ${token}` } }),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
      await issuer[Symbol.asyncDispose]()
    },
  }
}
