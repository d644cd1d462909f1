/** What a schema cannot say about the options: which belong together, and where the keys come from. Throws RangeError. */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Scope } from '#gateway'
import type { Options } from '../jwt.ts'
import { IssuerKeys } from './issuer-keys.ts'
import { KeySet } from './key-set.ts'
import { fixedKeys, type KeySource } from './key-source.ts'
import { asymmetric, keyOfPem, keyOfSecret, type VerificationKey } from './verification-key.ts'

export interface Keys {
  readonly source: KeySource
  /** All that these keys are made for. */
  readonly algorithms: readonly string[]
  /** Equal for equal keys, over reloads. Secret. */
  readonly identity: string
}

/** The keys of `jwks`, `publicKey` or `secret`, whichever is given. */
export async function keysOf(options: Options, scope: Scope): Promise<Keys> {
  const { jwks, publicKey, secret } = options
  if (publicKey !== undefined) return fixedKey(keyOfPem(publicKey), publicKey)
  if (secret !== undefined) return fixedKey(keyOfSecret(secret), secret)
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(jwks!) ? remoteKeys(jwks!, options, scope) : fileKeys(jwks!, scope)
}

/** The algorithms that tokens may use: those given, which must suit the keys, else all that the keys are made for. */
export function algorithmsOf(
  { algorithms }: Pick<Options, 'algorithms'>,
  keys: Pick<Keys, 'algorithms'>,
): readonly string[] {
  const unsuited = algorithms?.find((algorithm) => !keys.algorithms.includes(algorithm))
  if (unsuited === undefined) return algorithms ?? keys.algorithms
  // HS* beside public keys would let everybody who has the public key sign with it (RFC 8725 §2.1).
  throw new RangeError(
    `"algorithms" has ${unsuited}, which does not go with the keys: ${keys.algorithms.join(', ')} do`,
  )
}

/** Claim → header in lower case. A header may be told only once, and none that means something on the way. */
export function forwardClaimsOf(options: Pick<Options, 'forwardClaims'>): Readonly<Record<string, string>> {
  const entries = Object.entries(options.forwardClaims ?? {}).map(
    ([claim, name]) => [claim, name.toLowerCase()] as const,
  )
  const seen = new Set<string>()
  for (const [claim, name] of entries) {
    if (taken.test(name)) throw new RangeError(`"forwardClaims" may not set the header ${name}`)
    if (seen.has(name)) throw new RangeError(`"forwardClaims" sets the header ${name} twice: for "${claim}", too`)
    seen.add(name)
  }
  return Object.fromEntries(entries)
}

/** Framing, routing, credentials, and what the gateway itself says. */
const taken =
  /^(authorization|connection|content-.*|cookie|date|expect|forwarded|host|http2-settings|keep-alive|proxy.*|te|trailer|transfer-encoding|upgrade|via|x-consumer.*|x-forwarded-.*|x-real-ip|x-request-id|trace(parent|state))$/

function fixedKey(key: VerificationKey, text: string): Keys {
  return { source: fixedKeys(KeySet.of(key)), algorithms: key.algorithms, identity: text }
}

async function fileKeys(path: string, scope: Scope): Promise<Keys> {
  const text = await readFile(resolve(scope.folder, path), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(`the key set "${path}" cannot be read: ${error.code}`)
  })
  const keys = KeySet.parse(text)
  if (keys.size === 0) throw new RangeError(`the key set "${path}" has no key that can verify tokens`)
  return { source: fixedKeys(keys), algorithms: asymmetric, identity: text }
}

/** One fetcher per issuer and address, shared by all items and kept over reloads. */
function remoteKeys(jwks: string, options: Options, scope: Scope): Keys {
  const url = checkedUrl(jwks, options.insecure)
  const { issuer } = options
  const identity = JSON.stringify([issuer, url.href])
  const { log } = scope
  const among = scope.carry('issuers', () => new Set<IssuerKeys>())
  const help = 'When the keys of a token issuer were last fetched, in seconds since the epoch.'
  scope.metrics.gauge('jwks_last_success_timestamp_seconds', help, ['issuer'], (gauge) => {
    for (const keys of among) if (keys.lastSuccess !== undefined) gauge.set(keys.lastSuccess, keys.issuer)
  })
  const source = scope.carry(`keys ${hash('sha256', identity)}`, () => new IssuerKeys({ url, issuer, log, among }))
  return { source, algorithms: asymmetric, identity }
}

function checkedUrl(text: string, insecure: boolean): URL {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new RangeError('"jwks" must be an https URL or a file')
  if (url.username !== '' || url.password !== '') throw new RangeError('"jwks" may hold no user name or password')
  // Whoever can change the answer on its way chooses who may sign tokens.
  if (url.protocol === 'http:' && !insecure && !/^(localhost|127(\.[0-9]+){3}|\[::1\])$/.test(url.hostname))
    throw new RangeError('"jwks" must be https off loopback; `insecure: true` allows http')
  return url
}
