/** An ordered header list that keeps duplicates and the sender's own spelling (RFC 9110 §5.2, §5.3), flat: name, value, name, value. */

export { isFieldValue, isToken } from '../http1/grammar.ts'

export class HeaderList {
  /** Flat name, value, …; handed to the wire as it is. */
  readonly raw: string[]

  constructor(raw: string[] = []) {
    this.raw = raw
  }

  /** The first value of a field, or undefined. `name` is lower case, here and below. */
  get(name: string): string | undefined {
    const { raw } = this
    for (let i = 0; i < raw.length; i += 2) if (sameName(raw[i]!, name)) return raw[i + 1]
    return undefined
  }

  /** Every value of a field, one per field line, in order. */
  values(name: string): string[] {
    return valuesOf(this.raw, name)
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** Replaces all lines of a field by one, at the place of the first. */
  set(name: string, value: string): void {
    const { raw } = this
    for (let i = 0; i < raw.length; i += 2) {
      if (!sameName(raw[i]!, name)) continue
      raw[i + 1] = value
      this.#deleteFrom(i + 2, name)
      return
    }
    raw.push(name, value)
  }

  append(name: string, value: string): void {
    this.raw.push(name, value)
  }

  delete(name: string): void {
    this.#deleteFrom(0, name)
  }

  #deleteFrom(start: number, name: string): void {
    const { raw } = this
    let kept = start
    for (let i = start; i < raw.length; i += 2) {
      if (sameName(raw[i]!, name)) continue
      if (kept !== i) {
        raw[kept] = raw[i]!
        raw[kept + 1] = raw[i + 1]!
      }
      kept += 2
    }
    raw.length = kept
  }
}

/** Every value of a field in a flat list, one per field line, in order. */
export function valuesOf(raw: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < raw.length; i += 2) if (sameName(raw[i]!, name)) values.push(raw[i + 1]!)
  return values
}

/** Whether a field name as sent is `lower` (RFC 9110 §5.1: names are case-insensitive). */
export function sameName(sent: string, lower: string): boolean {
  return sent.length === lower.length && (sent === lower || sent.toLowerCase() === lower)
}
