/** How a target is chosen, and the keys that hold requests together: `header:x-user`, `cookie:session`, `ip`. */
import { isToken } from '../exchange/headers.ts'
import type { AffinityKey, BalanceConfig } from './config.ts'
import type { Path } from './document.ts'
import type { RawUpstream } from './raw.ts'
import type { Reading } from './reading.ts'
import { didYouMean } from './suggest.ts'

type Policy = Exclude<BalanceConfig['kind'], 'hash'>
type PlainKey = Exclude<AffinityKey['kind'], 'header' | 'cookie'>

export function readBalance(reading: Reading, raw: NonNullable<RawUpstream['balance']>, path: Path): BalanceConfig {
  if (typeof raw === 'string') return { kind: raw as Policy }
  if (raw.hash === undefined) return { kind: 'round-robin' }
  const by = readAffinity(reading, { text: raw.hash, path: [...path, 'hash'], plain: ['ip', 'path', 'consumer'] })
  return { kind: 'hash', by }
}

/** A key of requests; `plain` are the forms without a name. What is reported reads as `ip`. */
export function readAffinity(
  { document, findings }: Reading,
  { text, path, plain }: { text: string; path: Path; plain: readonly PlainKey[] },
): AffinityKey {
  const simple = plain.find((kind) => kind === text)
  if (simple !== undefined) return { kind: simple }
  const [, kind, name = ''] = /^(header|cookie):(.*)$/.exec(text) ?? []
  // RFC 6265 §4.1.1: the name of a cookie is a token, as that of a header is.
  if (kind === 'header' && isToken(name)) return { kind, name: name.toLowerCase() }
  if (kind === 'cookie' && isToken(name)) return { kind, name }
  const forms = ['header:NAME', 'cookie:NAME', ...plain]
  const message = `expected ${forms.slice(0, -1).join(', ')} or ${forms.at(-1)}, found ${document.shown(path)}`
  findings.error('wrong-value', document.place(path), { message, suggestion: didYouMean(text, plain) })
  return { kind: 'ip' }
}

/** A policy as it stands in the file. */
export function balanceText(balance: BalanceConfig): string | { readonly hash: string } {
  return balance.kind === 'hash' ? { hash: affinityText(balance.by) } : balance.kind
}

/** A key as it stands in the file. */
export function affinityText(key: AffinityKey): string {
  return 'name' in key ? `${key.kind}:${key.name}` : key.kind
}
