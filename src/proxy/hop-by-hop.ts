/** Whether a field belongs to its connection: by its own name, or because a Connection field names it (RFC 9110 §7.6.1). */
import { sameName } from '../exchange/headers.ts'
import { hopByHop } from '../http1/connection-fields.ts'

/** Belongs to one connection or frames one message. */
export function isOfConnection(lower: string): boolean {
  return hopByHop.has(lower) || lower === 'content-length'
}

/** Lower-case names that the Connection fields of a flat list nominate; null when there are none worth a look. */
export function nominated(raw: readonly string[]): ReadonlySet<string> | null {
  let names: Set<string> | null = null
  for (let i = 0; i < raw.length; i += 2) {
    if (!sameName(raw[i]!, 'connection')) continue
    const value = raw[i + 1]!
    if (value === 'keep-alive' || value === 'close' || value === 'Keep-Alive') continue
    names ??= new Set()
    for (const name of value.split(',')) names.add(name.trim().toLowerCase())
  }
  return names
}
