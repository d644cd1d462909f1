/** What a schema cannot say about the options: which belong together, and where the keys come from. Throws RangeError. */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Scope } from '#gateway'
import type { Options } from '../jwt.ts'
import { download } from './download.ts'
import { IssuerKeys, type IssuerKeysInit } from './issuer-keys.ts'
import { KeySet } from './key-set.ts'
import { fixedKeys, type KeySource } from './key-source.ts'
import { asymmetric, keyOfPem, keyOfSecret, type VerificationKey } from './verification-key.ts'

/** Age at which keys are loaded anew: an issuer is asked every ten minutes, a file is read every ten seconds. */
const urlStaleMs = 600_000
const fileStaleMs = 10_000

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
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(jwks!) ? remoteKeys(jwks!, options, scope) : fileKeys(jwks!, options, scope)
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

/** A file is read now, so that a wrong one is a wrong config, and again as it changes: no reload is needed for a new key. */
async function fileKeys(path: string, options: Options, scope: Scope): Promise<Keys> {
  const file = resolve(scope.folder, path)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(`the key set "${path}" cannot be read: ${error.code}`)
  })
  const keys = KeySet.parse(text)
  if (keys.size === 0) throw new RangeError(`the key set "${path}" has no key that can verify tokens`)
  const found = changingKeys(file, { load: () => readFile(file, 'utf8'), staleMs: fileStaleMs }, { options, scope })
  found.source.seed(keys)
  return found
}

function remoteKeys(jwks: string, options: Options, scope: Scope): Keys {
  const url = checkedUrl(jwks, options.insecure)
  return changingKeys(url.href, { load: () => download(url), staleMs: urlStaleMs }, { options, scope })
}

/** One loader per issuer and place, shared by all items and kept over reloads. */
function changingKeys(
  place: string,
  how: Pick<IssuerKeysInit, 'load' | 'staleMs'>,
  { options: { issuer }, scope }: { options: Options; scope: Scope },
) {
  const identity = JSON.stringify([issuer, place])
  const { log } = scope
  const among = scope.carry('issuers', () => new Set<IssuerKeys>())
  scope.metrics.gauge(lastSuccess.name, lastSuccess.help, ['issuer'], (gauge) => {
    for (const keys of among) if (keys.lastSuccess !== undefined) gauge.set(keys.lastSuccess, keys.issuer)
  })
  const source = scope.carry(`keys ${hash('sha256', identity)}`, () => new IssuerKeys({ ...how, issuer, log, among }))
  return { source, algorithms: asymmetric, identity }
}

const lastSuccess = {
  name: 'jwks_last_success_timestamp_seconds',
  help: 'When the keys of a token issuer were last loaded, in seconds since the epoch.',
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
