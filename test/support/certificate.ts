/** Certificates for tests, made by openssl: `cert` and `key` as PEM. Self-signed, or signed by an authority made here. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Pair {
  readonly cert: string
  readonly key: string
}

export interface CertificateOptions {
  /** As openssl writes them; without it, `DNS:` + name and the loopback address. */
  readonly san?: string
  /** Who signs it. */
  readonly by?: Pair
}

export function makeCertificate(name = 'localhost', options: CertificateOptions = {}): Pair {
  const { san = `DNS:${name},IP:127.0.0.1`, by } = options
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cert-'))
  try {
    const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
    const issuer = { key: join(folder, 'ca.key'), cert: join(folder, 'ca.pem') }
    if (by !== undefined) for (const part of ['key', 'cert'] as const) writeFileSync(issuer[part], by[part])
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', `/CN=${name}`, '-addext', `subjectAltName=${san}`],
        ...(by === undefined ? [] : ['-CA', issuer.cert, '-CAkey', issuer.key, '-addext', 'basicConstraints=CA:FALSE']),
        ...['-keyout', files.key, '-out', files.cert],
      ],
      { stdio: 'pipe' },
    )
    return { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
