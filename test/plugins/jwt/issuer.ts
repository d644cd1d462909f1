/** A token issuer for tests: signs with keys of its own and serves their public halves over a real socket. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

export interface IssuerKey {
  readonly kid: string | undefined
  readonly alg: string
  readonly privateKey: CryptoKey
  /** As published. */
  readonly jwk: JWK
}

/** A key pair and its JWK. */
export async function issuerKey(kid: string | undefined, alg = 'ES256'): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), ...(kid === undefined ? {} : { kid }) }
  return { kid, alg, privateKey, jwk }
}

/** The claims of a token that is good for an hour, and these; one that is undefined is left out. */
export function goodClaims(claims: Readonly<Record<string, unknown>> = {}): JWTPayload {
  const exp = Math.floor(Date.now() / 1000) + 3600
  return { iss: ISSUER, aud: 'orders', sub: 'ada', exp, ...claims }
}

/** A token signed by `key`. */
export async function sign(
  key: IssuerKey,
  claims: JWTPayload = goodClaims(),
  header: Record<string, unknown> = {},
): Promise<string> {
  const kid = key.kid === undefined ? {} : { kid: key.kid }
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, ...kid, ...header }).sign(key.privateKey)
}

export const ISSUER = 'https://id.example.test'

export class Issuer {
  /** What is published now. */
  keys: readonly IssuerKey[]
  /** Requests so far. */
  fetches = 0
  /** Answers instead of the key set. */
  answer: RequestListener | undefined
  readonly #server = createServer((request, response) => {
    this.fetches++
    if (this.answer !== undefined) return this.answer(request, response)
    response.setHeader('content-type', 'application/jwk-set+json')
    response.end(JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) }))
  })
  #port = 0

  constructor(keys: readonly IssuerKey[]) {
    this.keys = keys
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/keys.json`
  }

  /** Listens, after `stop` on the same port again. */
  async start(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

export async function startIssuer(...keys: readonly IssuerKey[]): Promise<Issuer> {
  const issuer = new Issuer(keys)
  await issuer.start()
  return issuer
}
