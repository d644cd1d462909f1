/** `store`: memory, or a Redis with how to reach it. Its URL may hold a password: no message quotes it. */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { RedisStoreConfig, StoreConfig } from './config.ts'
import type { ConfigDocument, Path } from './document.ts'
import type { RawStore } from './raw.ts'
import type { Reading } from './reading.ts'
import { defaultOf } from './schema/forms.ts'
import { storeMap } from './schema/store.ts'

type Defaults = Required<Pick<RawStore, 'timeout' | 'onFailure' | 'keyGrace' | 'prefix' | 'tls'>>

const SHAPE = 'redis://HOST:PORT/DATABASE, or rediss:// for TLS, with user:password@ where Redis asks for them'

export function readStore(reading: Reading): StoreConfig {
  const raw = reading.data.store ?? 'memory'
  if (raw === 'memory') return { kind: 'memory' }
  if (typeof raw === 'string') return readRedis(reading, { redis: raw }, ['store']) ?? { kind: 'memory' }
  return readRedis(reading, raw, ['store', 'redis']) ?? { kind: 'memory' }
}

/** Hides a URL with credentials that is not written like one: the masks for userinfo would not know it. */
export function hideStoreUrl(document: ConfigDocument): void {
  for (const path of [['store'], ['store', 'redis']]) {
    const node = document.nodeAt(path)
    const text = node !== null && 'value' in node ? node.value : null
    if (typeof text === 'string' && text.includes('@') && !/^rediss?:\/\/[^@/?#\s"']*@[^@\s]*$/.test(text)) {
      document.hide(node)
    }
  }
}

function readRedis(reading: Reading, raw: RawStore, urlPath: Path): RedisStoreConfig | undefined {
  const server = raw.redis === undefined ? undefined : readUrl(reading, raw.redis, urlPath)
  const filled = { ...(defaultOf(storeMap) as Defaults), ...raw }
  const timeoutMs = reading.milliseconds(filled.timeout, ['store', 'timeout'])
  const keyGraceMs = reading.milliseconds(filled.keyGrace, ['store', 'keyGrace'], { zero: true })
  const tls = readTls(reading, filled.tls)
  if (server === undefined) return undefined
  const { secure, ...rest } = server
  if (!secure && Object.keys(filled.tls).length > 0) {
    reading.findings.error('wrong-value', reading.document.keyPlace(['store', 'tls']), {
      message: '`tls` says how a certificate is checked, and a redis:// server shows none',
      suggestion: 'write rediss://',
    })
  }
  const { onFailure, prefix } = filled
  return { kind: 'redis', ...rest, tls: secure ? tls : null, timeoutMs, onFailure, keyGraceMs, prefix }
}

type Server = Pick<RedisStoreConfig, 'host' | 'port' | 'database' | 'username' | 'password'> & {
  readonly secure: boolean
}

function readUrl(reading: Reading, text: string, path: Path): Server | undefined {
  const read = redisServer(text)
  if (typeof read !== 'string') return read
  reading.findings.error('bad-url', reading.document.place(path), read)
  return undefined
}

/** What a Redis URL says, or what is wrong with it: without a word of it. */
export function redisServer(text: string): Server | string {
  const url = URL.parse(text)
  if (url === null || !/^rediss?:$/.test(url.protocol)) return `expected \`memory\` or a URL such as ${SHAPE}`
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1]
  if (url.hostname === '') return `the URL names no host: expected ${SHAPE}`
  if (database === undefined) return `a Redis database is a number: expected ${SHAPE}`
  if (url.search !== '' || url.hash !== '') return `a Redis URL has no query and no fragment: expected ${SHAPE}`
  const username = decoded(url.username)
  const password = decoded(url.password)
  if (username === null || password === null) return 'user or password of the URL are not percent-encoded right'
  if (username !== '' && password === '') return `a user needs a password: expected ${SHAPE}`
  return {
    secure: url.protocol === 'rediss:',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 6379 : Number(url.port),
    database: Number(database),
    username: username === '' ? undefined : username,
    password: password === '' ? undefined : password,
  }
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

function readTls(reading: Reading, raw: NonNullable<RawStore['tls']>): NonNullable<RedisStoreConfig['tls']> {
  const path: Path = ['store', 'tls']
  const ca = raw.ca === undefined ? undefined : reading.file(raw.ca, [...path, 'ca'])
  if (ca !== undefined && !isCertificate(ca)) {
    const message = `${raw.ca} is no PEM certificate`
    reading.findings.error('bad-certificate', reading.document.place([...path, 'ca']), message)
  }
  const { serverName } = raw
  if (serverName !== undefined && isIP(serverName) !== 0) {
    const message = 'expected a host name: TLS names servers by name (RFC 6066 §3)'
    reading.findings.error('wrong-value', reading.document.place([...path, 'serverName']), message)
  }
  return { ...(ca === undefined ? {} : { ca }), ...(serverName === undefined ? {} : { serverName }) }
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem)
    return true
  } catch {
    // OpenSSL's own words say no more than this.
    return false
  }
}
