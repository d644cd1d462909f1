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

/** Reads fields as they are at this moment, also later, when plugins below have edited the request. */
export function keptFieldReader(exchange: Exchange): FieldReader {
  const raw = exchange.upstreamRequest.headers.raw.slice()
  return (name) => valueIn(raw, name, exchange)
}

export function select(names: readonly string[], read: FieldReader): Selection {
  return names.flatMap((name) => [name, read(name)])
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
    // Lines of a list field may be joined, and blanks around its commas mean nothing.
    const line = raw[i + 1]!.trim().replace(/[ \t]*,[ \t]*/g, ',')
    value = value === null ? line : `${value},${line}`
  }
  return value
}
