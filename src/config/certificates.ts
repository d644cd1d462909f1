/** Certificates and keys in PEM files: of listeners, of upstreams, and of those who sign for either. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { alternativeNames, commonName } from '../exchange/certificate-names.ts'
import type { CertificateConfig } from './config.ts'
import type { Path } from './document.ts'
import type { RawList } from './raw.ts'
import type { Reading } from './reading.ts'

interface RawPair {
  readonly cert?: string
  readonly key?: string
}

export function readCertificates(reading: Reading, path: Path, raw: RawList<RawPair>): CertificateConfig[] {
  return raw.flatMap((pair, index) => {
    const certificate = pair === undefined ? undefined : readCertificate(reading, [...path, index], pair)
    return certificate === undefined ? [] : [certificate]
  })
}

/** One certificate with its key. Undefined where one of the two is not named, or, reported, where they cannot be used. */
export function readCertificate(reading: Reading, path: Path, raw: RawPair): CertificateConfig | undefined {
  if (raw.cert === undefined || raw.key === undefined) return undefined
  const { document, findings } = reading
  const certPath = [...path, 'cert']
  const keyPath = [...path, 'key']
  const cert = reading.file(raw.cert, certPath)
  const key = reading.file(raw.key, keyPath)
  if (cert === undefined || key === undefined) return undefined
  const certificate = attempt(() => new X509Certificate(cert))
  const privateKey = attempt(() => createPrivateKey(key))
  const refuse = (at: Path, message: string) => findings.error('bad-certificate', document.place(at), message)
  if (certificate === undefined) refuse(certPath, `${raw.cert} is no PEM certificate`)
  if (privateKey === undefined) refuse(keyPath, `${raw.key} is no PEM private key without a passphrase`)
  if (certificate === undefined || privateKey === undefined) return undefined
  if (!certificate.checkPrivateKey(privateKey)) {
    refuse(keyPath, `${raw.key} is not the key of ${raw.cert}`)
    return undefined
  }
  if (attempt(() => createSecureContext({ cert, key })) === undefined) {
    refuse(certPath, `${raw.cert} cannot be used: its key is too weak, or its chain is damaged`)
    return undefined
  }
  checkDates(reading, certPath, { certificate, file: raw.cert })
  return { cert, key, names: namesOf(certificate), expires: Date.parse(certificate.validTo) }
}

/** It may be replaced while we run, so it is no error. */
function checkDates(
  { document, findings }: Reading,
  path: Path,
  { certificate, file }: { certificate: X509Certificate; file: string },
): void {
  const now = Date.now()
  const { validFrom, validTo } = certificate
  const expired = Date.parse(validTo) <= now
  if (!expired && Date.parse(validFrom) <= now) return
  const message = expired ? `${file} has expired, on ${validTo}` : `${file} is not valid before ${validFrom}`
  findings.warning('expired-certificate', document.place(path), message)
}

/** The PEM text of one certificate or more; undefined where no file is named, or, reported, where it holds something else. */
export function readAuthorities(reading: Reading, path: Path, file: string | undefined): string | undefined {
  const pem = file === undefined ? undefined : reading.file(file, path)
  if (pem === undefined) return undefined
  const blocks = pem.match(/-----BEGIN [^-]*CERTIFICATE-----[\s\S]*?(?:-----END [^-]*CERTIFICATE-----|$)/g) ?? []
  const isGood = blocks.length > 0 && blocks.every((block) => attempt(() => new X509Certificate(block)) !== undefined)
  if (isGood) return pem
  reading.findings.error('bad-certificate', reading.document.place(path), `${file} is no PEM certificate`)
  return undefined
}

/** RFC 9525 §6.1: the names it is for are its DNS names; the common name counts only where it has none. */
function namesOf(certificate: X509Certificate): string[] {
  const names = alternativeNames(certificate).flatMap(({ kind, value }) =>
    kind === 'DNS' ? [value.toLowerCase()] : [],
  )
  const common = names.length > 0 ? null : commonName(certificate)
  return common === null ? names : [common.toLowerCase()]
}

/** OpenSSL says no more than that it did not work, and its words are not for operators. */
function attempt<Value>(make: () => Value): Value | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}
