/** Which of several stored answers a request gets (RFC 9111 §4.1): the one whose deciding request fields were the same. */
import type { Exchange } from '#gateway'

/** Flat: lower-case field name, its value in the request that was answered (null: absent), … */
export type Selection = readonly (string | null)[]

/** Reads request fields as the upstream sees them from the cache's place in the chain. */
export type FieldReader = (name: string) => string | null

/** Reads fields now; `keepFields` for when the answer says which ones matter. */
export function fieldReader(exchange: Exchange): FieldReader {
  return (name) => valueIn(exchange.upstreamRequest.headers.raw, name, exchange)
}

/** Reads each field once: for comparing with many answers. */
export function remembering(read: FieldReader): FieldReader {
  const known = new Map<string, string | null>()
  return (name) => {
    const before = known.get(name)
    if (before !== undefined) return before
    const value = read(name)
    known.set(name, value)
    return value
  }
}

/** Reads fields as they are at this moment, also later, when plugins below have edited the request. */
export function keptFieldReader(exchange: Exchange): FieldReader {
  const raw = exchange.upstreamRequest.headers.raw.slice()
  return (name) => valueIn(raw, name, exchange)
}

export function select(names: readonly string[], read: FieldReader): Selection {
  return names.flatMap((name) => [name, copyOf(read(name))])
}

/** A value is a slice of its request's head: kept as it is, the whole head would be, 16 KiB that no bound counts. */
function copyOf(value: string | null): string | null {
  return value === null ? null : Buffer.from(value).toString()
}

export function matches(selection: Selection, read: FieldReader): boolean {
  for (let i = 0; i < selection.length; i += 2) if (read(selection[i]!) !== selection[i + 1]) return false
  return true
}

export function isSameSelection(one: Selection, other: Selection): boolean {
  return one.length === other.length && one.every((part, i) => part === other[i])
}

function valueIn(raw: readonly string[], name: string, { consumer }: Exchange): string | null {
  // The gateway tells the upstream after the chain has run: in the list they are not there yet.
  if (name === 'x-consumer') return consumer?.name ?? null
  if (name === 'x-consumer-source') return consumer?.source ?? null
  if (name === 'x-consumer-groups') return consumer?.groups.join(',') ?? null
  let value: string | null = null
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]!.length !== name.length || raw[i]!.toLowerCase() !== name) continue
    // Lines of a list field may be joined.
    const line = withoutBlanks(raw[i + 1]!)
    value = value === null ? line : `${value},${line}`
  }
  return value
}

/**
 * Blanks around the commas of a list mean nothing. Attack: a pattern for them starts anew at each blank of a run that no comma ends,
 * and 15 KiB of them took a quarter of a second.
 */
function withoutBlanks(line: string): string {
  if (!line.includes(',')) return line.trim()
  return line.split(',').map(trimmed).join(',')
}

function trimmed(text: string): string {
  return text.trim()
}
