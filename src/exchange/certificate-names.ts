/** The names that a certificate goes by, as its own text says them. */
import type { X509Certificate } from 'node:crypto'

export interface AlternativeName {
  /** `DNS`, `URI`, `email`, `IP Address`, … */
  readonly kind: string
  readonly value: string
}

/**
 * The subject alternative names. Attack: a name such as `a, DNS:b` that would be read as two; Node quotes it, so what is in
 * quotes is one value (CVE-2021-44532).
 */
export function alternativeNames({ subjectAltName = '' }: Pick<X509Certificate, 'subjectAltName'>): AlternativeName[] {
  const names: AlternativeName[] = []
  for (const [, kind, value] of subjectAltName.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy)) {
    names.push({ kind: kind!, value: value!.startsWith('"') ? (JSON.parse(value!) as string) : value! })
  }
  return names
}

/** The common name; null where there is none, or more than one. */
export function commonName(certificate: X509Certificate): string | null {
  const { CN } = certificate.toLegacyObject().subject as { CN?: string | string[] }
  return typeof CN === 'string' ? CN : null
}
