/** What the loader proves itself with: an API key, and a token signed with ES256 by a key made for this run. */
import { generateKeyPairSync, sign } from 'node:crypto'

export const apiKey = 'bench-0123456789abcdefghijklmnopqrstuvwxyz'
export const issuer = 'https://id.bench.example'

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

export const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()

export const token = signed({ iss: issuer, aud: 'bench', sub: 'bench', exp: Math.floor(Date.now() / 1000) + 24 * 3600 })

function signed(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
