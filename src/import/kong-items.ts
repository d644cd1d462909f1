/** One plugin of Kong's as items of a chain, or why it cannot be one. */
import type { DraftItem } from './draft.ts'
import type { JwtCredential } from './kong.ts'
import { asWritten, isPlaceholder, mapOf, numberOf, type Source, textOf, textsOf } from './source.ts'

export interface Mapped {
  readonly items: readonly DraftItem[]
  readonly notes: readonly string[]
  /** Why the route must not be open. */
  readonly closed?: string
}

export function itemsOfKong(name: string, config: Source, jwt: readonly JwtCredential[]): Mapped {
  switch (name) {
    case 'key-auth':
      return keyAuth(config)
    case 'jwt':
      return tokens(config, jwt)
    case 'acl':
      return acl(config)
    case 'cors':
      return cors(config)
    case 'ip-restriction':
      return addresses(config)
    case 'request-size-limiting':
      return bodyLimit(config)
    case 'rate-limiting':
      return rateLimits(config)
    case 'proxy-cache':
      return one('cache', { ttl: `${Math.max(1, numberOf(config['cache_ttl']) ?? 300)}s` })
    default:
      return edits(name === 'request-transformer' ? 'request' : 'response', config)
  }
}

/** What `request-termination` answers; a text: why that cannot be said here. */
export function terminationOf(config: Source): object | string {
  if (config['trigger'] != null || config['echo'] === true)
    return 'request-termination answers only some requests, or repeats them'
  const body = textOf(config['body'])
  const type = textOf(config['content_type'])
  return {
    status: numberOf(config['status_code']) ?? 503,
    ...(body === undefined || type === undefined ? {} : { headers: { 'content-type': type } }),
    body: body ?? { message: textOf(config['message']) ?? 'Service unavailable' },
  }
}

function one(name: string, options: object, notes: readonly string[] = []): Mapped {
  return { items: [Object.keys(options).length === 0 ? name : { [name]: options }], notes }
}

function keyAuth(config: Source): Mapped {
  const [name = 'apikey', ...more] = textsOf(config['key_names'])
  const notes = more.length === 0 ? [] : [`keys are read from ${name} alone, not from ${more.join(', ')}`]
  if (config['key_in_body'] === true) notes.push('keys in bodies are not read')
  const query = config['key_in_query'] !== false && /^[A-Za-z0-9._~-]{1,64}$/.test(name)
  // Kong shows the key to the upstream unless told not to.
  const forward = config['hide_credentials'] === true ? {} : { forward: true }
  return one('api-key', { header: name.toLowerCase(), ...(query ? { query: name } : {}), ...forward }, notes)
}

function tokens(config: Source, credentials: readonly JwtCredential[]): Mapped {
  const claim = textOf(config['key_claim_name']) ?? 'iss'
  if (claim !== 'iss') return { items: [], notes: [], closed: `its tokens are told apart by the claim ${claim}` }
  const notes = ['tokens without exp are refused; credentials in queries and cookies are not read']
  const members = credentials.flatMap((credential) => {
    const item = verifierOf(credential, config)
    if (typeof item === 'string') notes.push(item)
    return typeof item === 'string' ? [] : [{ jwt: item }]
  })
  if (members.length === 0)
    return { items: [], notes, closed: 'no token could be verified: there is no usable credential' }
  // `any` asks the first whose credentials are there: tokens of several issuers cannot be told apart so.
  return members.length > 1
    ? { items: [], notes, closed: 'its tokens are of several issuers' }
    : { items: members, notes }
}

function verifierOf({ issuer, credential }: JwtCredential, config: Source): object | string {
  const algorithm = textOf(credential['algorithm']) ?? 'HS256'
  const base = { issuer, algorithms: [algorithm], consumer: 'iss' }
  const publicKey = textOf(credential['rsa_public_key'])
  const written = publicKey ?? textOf(credential['secret']) ?? ''
  if (isPlaceholder(written)) return `the secret of ${issuer} is a placeholder: write what it stands for`
  if (publicKey !== undefined && !algorithm.startsWith('HS')) return { ...base, publicKey }
  const secret = textOf(credential['secret'])
  if (secret === undefined || !algorithm.startsWith('HS'))
    return `the tokens of ${issuer} have no key to verify them with`
  if (config['secret_is_base64'] === true) return `the secret of ${issuer} is base64: write it as text`
  const least = Number(algorithm.slice(2)) / 8
  return secret.length < least ? `the secret of ${issuer} is shorter than ${least} characters` : { ...base, secret }
}

function acl(config: Source): Mapped {
  const groups = textsOf(config['allow'] ?? config['whitelist'])
  if (groups.length > 0) return one('acl', { groups: [...new Set(groups)] })
  return { items: [], notes: [], closed: 'acl can only say who may pass, not who may not' }
}

function cors(config: Source): Mapped {
  const pattern = /^(\*|[a-z][a-z0-9+.-]*:\/\/(\*\.)?([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)$/
  const written = textsOf(config['origins'])
  const origins = (written.length === 0 ? ['*'] : written).map((origin) => origin.toLowerCase().replace(/\/$/, ''))
  const usable = origins
    .filter((origin) => pattern.test(origin))
    .map((origin) => origin.replace(/^(https:.*):443$|^(http:.*):80$/, '$1$2'))
  const notes = origins
    .filter((origin) => !pattern.test(origin))
    .map((origin) => `cors: the origin ${origin} is left out`)
  if (usable.length === 0) return { items: [], notes: [...notes, 'cors is left out: it names no origin'] }
  const credentials = config['credentials'] === true && !usable.includes('*')
  if (config['credentials'] === true && !credentials) notes.push('cors: credentials need named origins, and are off')
  const maxAge = numberOf(config['max_age'])
  const lists = {
    methods: textsOf(config['methods']),
    headers: textsOf(config['headers']),
    exposeHeaders: textsOf(config['exposed_headers']),
  }
  const filled = Object.entries(lists).filter(([, list]) => list.length > 0)
  const options = {
    origins: [...new Set(usable)],
    ...Object.fromEntries(filled),
    ...(credentials ? { credentials } : {}),
    ...(maxAge === undefined ? {} : { maxAge: `${maxAge}s` }),
  }
  return one('cors', options, notes)
}

function addresses(config: Source): Mapped {
  const allow = textsOf(config['allow'] ?? config['whitelist'])
  const deny = textsOf(config['deny'] ?? config['blacklist'])
  if (allow.length + deny.length === 0) return { items: [], notes: [], closed: 'ip-restriction names no addresses' }
  return one('ip-filter', { ...(allow.length === 0 ? {} : { allow }), ...(deny.length === 0 ? {} : { deny }) })
}

function bodyLimit(config: Source): Mapped {
  const units: Readonly<Record<string, string>> = { megabytes: 'MiB', kilobytes: 'KiB', bytes: 'B' }
  const unit = units[textOf(config['size_unit']) ?? 'megabytes'] ?? 'MiB'
  return one('body-limit', { max: `${numberOf(config['allowed_payload_size']) ?? 128}${unit}` })
}

const windows = { second: '1s', minute: '1m', hour: '1h', day: '1d', month: '30d', year: '365d' } as const

function rateLimits(config: Source): Mapped {
  const limitBy = textOf(config['limit_by']) ?? 'consumer'
  const header = textOf(config['header_name'])
  const by = limitBy === 'ip' ? 'ip' : limitBy === 'header' && header !== undefined ? `header:${header}` : undefined
  const notes = ['consumer', 'credential', 'ip', 'header'].includes(limitBy)
    ? []
    : [`rate-limiting by ${limitBy} counts by consumer or address`]
  const items = Object.entries(windows).flatMap(([period, window]) => {
    const max = numberOf(config[period])
    return max === undefined || max < 1
      ? []
      : [{ 'rate-limit': { max: Math.floor(max), window, ...(by === undefined ? {} : { by }) } }]
  })
  if (items.length === 0) return { items, notes, closed: 'rate-limiting names no period' }
  return { items, notes }
}

/** Headers alone; values with templates are code. */
function edits(side: 'request' | 'response', config: Source): Mapped {
  const notes: string[] = []
  const remove = textsOf(mapOf(config['remove'])['headers']).map((entry) => entry.split(':', 1)[0]!)
  const pairs = (verb: string) =>
    textsOf(mapOf(config[verb])['headers']).flatMap((entry): [string, string][] => {
      const colon = entry.indexOf(':')
      const value = entry.slice(colon + 1).trim()
      if (isPlaceholder(value))
        notes.push(`${side}-transformer: the value of ${asWritten(entry)} is a placeholder, and is sent as it stands`)
      if (colon > 0 && !value.includes('$(')) return [[entry.slice(0, colon).trim(), value]]
      notes.push(`${side}-transformer: ${verb} ${entry} is not imported`)
      return []
    })
  const set = [...pairs('replace'), ...pairs('add')]
  const add = pairs('append')
  for (const verb of ['remove', 'rename', 'replace', 'add', 'append'])
    for (const part of ['body', 'querystring', 'uri', 'json'])
      if (
        config[verb] != null &&
        mapOf(config[verb])[part] != null &&
        textsOf(mapOf(config[verb])[part]).length + Number(part === 'uri') > 0
      )
        notes.push(`${side}-transformer: ${verb} of ${part} is not imported`)
  const options = {
    ...(remove.length === 0 ? {} : { remove }),
    ...(set.length === 0 ? {} : { set: Object.fromEntries(set) }),
    ...(add.length === 0 ? {} : { add: Object.fromEntries(add) }),
  }
  return Object.keys(options).length === 0 ? { items: [], notes } : one('headers', { [side]: options }, notes)
}
