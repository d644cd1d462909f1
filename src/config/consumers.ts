/** `consumers`: who may call, and what proves it. */
import type { ConsumerConfig, ConsumerKey } from './config.ts'
import type { Path } from './document.ts'
import type { Place } from './findings.ts'
import type { RawConsumer, RawConsumerKey } from './raw.ts'
import type { Reading } from './reading.ts'
import { nameHint } from './suggest.ts'

const consumerName = /^[A-Za-z0-9._-]{1,64}$/

/** Whether text may name a consumer. */
export function isConsumerName(text: string): boolean {
  return consumerName.test(text)
}

/** What proves to be a consumer must prove one: by key hash, by issuer and subject, by a certificate's name. */
interface Proofs {
  readonly keys: Map<string, { readonly consumer: string; readonly place: Place }>
  readonly subjects: Map<string, { readonly consumer: string; readonly place: Place }>
  readonly certificates: Map<string, { readonly consumer: string; readonly place: Place }>
}

export function readConsumers(reading: Reading): ConsumerConfig[] {
  const proofs: Proofs = { keys: new Map(), subjects: new Map(), certificates: new Map() }
  return Object.entries(reading.data.consumers ?? {}).flatMap(([name, raw]) => {
    if (!isConsumerName(name)) {
      const message = `${JSON.stringify(name)} is no consumer name: letters, digits and . _ - up to 64`
      reading.findings.error('bad-name', reading.document.keyPlace(['consumers', name]), message)
    }
    return raw === undefined ? [] : [readConsumer(reading, { name, raw, proofs })]
  })
}

/** Milliseconds since the epoch; NaN where the text is no date or time. */
export function parseExpiry(text: string): number {
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
  return isDate ? Date.parse(text) : Number.NaN
}

/** Options of plugins that name configured consumers, bare or as the identity `key:NAME`. */
const naming: Readonly<Record<string, string>> = { acl: 'consumers' }

/** Reports names in a plugin's options that no consumer has: a misspelt one would shut its consumer out. */
export function checkConsumerNames(
  { document, findings }: Reading,
  plugin: string,
  { options, path }: { options: Readonly<Record<string, unknown>>; path: Path },
): void {
  const option = naming[plugin]
  const names = option === undefined ? undefined : options[option]
  if (option === undefined || !Array.isArray(names)) return
  const known = document.keysOf(['consumers'])
  for (const [index, written] of names.entries()) {
    const name = typeof written === 'string' ? written.replace(/^key:/, '') : ''
    if (!isConsumerName(name) || known.includes(name)) continue
    const message = `no consumer is called "${name}"`
    findings.error('unknown-name', document.place([...path, option, index]), {
      message,
      suggestion: nameHint(name, known),
    })
  }
}

function readConsumer(
  reading: Reading,
  { name, raw, proofs }: { name: string; raw: RawConsumer; proofs: Proofs },
): ConsumerConfig {
  const path = ['consumers', name]
  const keys = (raw.keys ?? []).flatMap((key, index) => {
    if (key === undefined) return []
    const at = [...path, 'keys', index]
    return typeof key === 'string' ? readKey(reading, at, { hash: key }) : readKey(reading, at, key)
  })
  for (const { key, place } of keys)
    prove(reading, proofs.keys, { proof: key.hash, consumer: name, place, what: 'key' })
  const { jwt } = raw
  const subject = jwt?.issuer === undefined || jwt.sub === undefined ? undefined : { issuer: jwt.issuer, sub: jwt.sub }
  if (subject !== undefined) {
    const place = reading.document.place([...path, 'jwt', 'sub'])
    prove(reading, proofs.subjects, {
      proof: JSON.stringify([subject.issuer, subject.sub]),
      consumer: name,
      place,
      what: 'token',
    })
  }
  const groups = (raw.groups ?? []).filter((group) => group !== undefined)
  const certificates = readCertificateNames(reading, { name, raw, proofs })
  const consumer = { name, groups, keys: keys.map(({ key }) => key), certificates }
  return subject === undefined ? consumer : { ...consumer, jwt: subject }
}

function readCertificateNames(
  reading: Reading,
  { name, raw, proofs }: { name: string; raw: RawConsumer; proofs: Proofs },
): string[] {
  return (raw.certificates ?? []).flatMap((text, index) => {
    if (text === undefined) return []
    const place = reading.document.place(['consumers', name, 'certificates', index])
    const proof = certificateName(text)
    if (proof === undefined) {
      reading.findings.error('wrong-value', place, {
        message: `expected a name of a certificate, found ${JSON.stringify(text)}`,
        suggestion: 'write sha256:HEX, uri:…, dns:…, email:… or cn:…',
      })
      return []
    }
    prove(reading, proofs.certificates, { proof, consumer: name, place, what: 'certificate' })
    return [proof]
  })
}

/** One spelling for each name; undefined for what is none. Fingerprints may have the colons that openssl prints. */
function certificateName(text: string): string | undefined {
  const [, kind, value = ''] = /^(sha256|uri|dns|email|cn):(\S.*)$/.exec(text) ?? []
  if (kind === undefined) return undefined
  if (kind === 'dns') return `dns:${value.toLowerCase()}`
  if (kind !== 'sha256') return `${kind}:${value}`
  const hex = value.replaceAll(':', '').toLowerCase()
  return /^[0-9a-f]{64}$/.test(hex) ? `sha256:${hex}` : undefined
}

function readKey(reading: Reading, path: Path, raw: RawConsumerKey): { key: ConsumerKey; place: Place }[] {
  const { document, findings } = reading
  const at = document.has([...path, 'hash']) ? [...path, 'hash'] : path
  if (raw.hash === undefined) return []
  const [, hash] = /^sha256:([0-9a-f]{64})$/i.exec(raw.hash) ?? []
  if (hash === undefined) {
    // It may well be the key itself.
    document.hide(document.nodeAt(at))
    findings.error('bad-key-hash', document.place(at), {
      message: 'expected the hash of a key: sha256: and 64 hex digits',
      suggestion: '`sluice key new NAME` prints a key and its hash',
    })
    return []
  }
  const expires = raw.expires === undefined ? undefined : readExpiry(reading, [...path, 'expires'], raw.expires)
  return [{ key: { hash: hash.toLowerCase(), id: raw.id, expires }, place: document.place(at) }]
}

function readExpiry(reading: Reading, path: Path, text: string): number | undefined {
  const { document, findings } = reading
  const time = parseExpiry(text)
  if (Number.isNaN(time)) {
    const message = `expected a date or time such as 2027-01-31T12:00:00Z, found ${document.shown(path)}`
    findings.error('wrong-value', document.place(path), message)
    return undefined
  }
  if (time <= Date.now())
    findings.warning('expired-key', document.place(path), `this key has been refused since ${text}`)
  return time
}

function prove(
  reading: Reading,
  known: Proofs['keys'],
  { proof, consumer, place, what }: { proof: string; consumer: string; place: Place; what: string },
): void {
  const first = known.get(proof)
  if (first === undefined) {
    known.set(proof, { consumer, place })
    return
  }
  const whose =
    first.consumer === consumer ? 'twice here' : `that of ${first.consumer} too, on line ${first.place.at.line}`
  reading.findings.error('duplicate-consumer', place, {
    message: `this ${what} is ${whose}`,
    related: [{ at: first.place.at, message: 'first here' }],
  })
}
