/** What verified claims say: scopes, values that must be there, the text a claim is forwarded as. */
import { forwardedValue } from '#gateway'
import { Refusal } from './refusal.ts'
import type { VerifiedToken } from './token-cache.ts'

export type Claims = Readonly<Record<string, unknown>>

/** The scopes granted: `scope` (RFC 8693 §4.2, separated by blanks) and `scp`, either as text or as a list. */
export function scopesOf(claims: Claims): readonly string[] {
  const granted = ['scope', 'scp'].flatMap((name) => {
    const value = own(claims, name)
    return typeof value === 'string' ? value.split(' ') : textsOf(value)
  })
  return Object.freeze([...new Set(granted)].filter((scope) => scope !== ''))
}

/** The first claim that lacks one of the values it must have. */
export function unmetClaim(
  required: Readonly<Record<string, readonly string[]>>,
  { claims, scopes }: Pick<VerifiedToken, 'claims' | 'scopes'>,
): string | undefined {
  return Object.keys(required).find((name) => {
    const found = name === 'scope' || name === 'scp' ? scopes : textsOf(own(claims, name))
    return !required[name]!.every((value) => found.includes(value))
  })
}

/**
 * A claim that may name somebody: text, or a whole number. Everything else counts as absent; so does a number beyond
 * 2^53, where two names would become one.
 */
export function nameOf(claims: Claims, claim: string): string | undefined {
  const value = own(claims, claim)
  if (Number.isSafeInteger(value)) return String(value)
  return typeof value === 'string' && value !== '' && value.isWellFormed() ? value : undefined
}

/** The value of the header that forwards a claim; a list joined with commas. Undefined where there is nothing to tell. Throws Refusal. */
export function headerOf(claims: Claims, claim: string): string | undefined {
  const texts = textsOf(own(claims, claim)).filter((text) => text !== '')
  if (texts.length === 0) return undefined
  const isList = Array.isArray(own(claims, claim))
  const parts = texts.map((text) => forwarded(text))
  // In a list a comma of a value is encoded, so that two values cannot look like three.
  const value = isList ? parts.map((part) => part.replaceAll(',', '%2C')).join(',') : parts[0]!
  if (value.length > 256) throw new Refusal('claim-too-long')
  return value
}

/** A value as it may stand in a header. Throws Refusal where it would be over 256 bytes. */
export function forwarded(text: string): string {
  const value = forwardedValue(text)
  if (value === undefined) throw new Refusal('claim-too-long')
  return value
}

/** Text, numbers and truth values as text, those of a list each; nothing for anything else. */
function textsOf(value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  return values.filter((one) => ['string', 'number', 'boolean'].includes(typeof one)).map(String)
}

/** A claim called `constructor` is a claim too, and absent unless the token has it. */
function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}
