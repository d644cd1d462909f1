/** The octets HTTP/1.1 allows where (RFC 9110 §5.5, §5.6.2; RFC 9112 §4): one lookup per byte, shared by reader and writer. */

const NAME = 1
const VALUE = 2
const DIGIT = 4

const CLASSES = classify()

export function isNameByte(byte: number): boolean {
  return (CLASSES[byte]! & NAME) !== 0
}

/** Whether a byte may stand in a field value or reason phrase: visible, blank, tab or obs-text. */
export function isValueByte(byte: number): boolean {
  return (CLASSES[byte]! & VALUE) !== 0
}

export function isDigit(byte: number): boolean {
  return (CLASSES[byte]! & DIGIT) !== 0
}

/** The value of a hexadecimal digit, or -1. */
export function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** Whether text may stand as a field name: an RFC 9110 §5.6.2 token. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)
}

/**
 * Whether text may stand as a field value: visible characters, blanks and obs-text, no control bytes (RFC 9110 §5.5). False for
 * anything latin1 cannot carry, too: U+010A would be cut down to a line feed.
 */
export function isFieldValue(text: string): boolean {
  // Of strings of many makes (slices, sums, whole ones) each charCodeAt costs a lookup: 22 ns for all of them, instead of 60.
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text)
}

/**
 * A value as the text that is looked at and written. Attack: a plugin in JavaScript may give an object, which could be one text the
 * first time that it is asked, and another the second.
 */
export function asText(value: string): string {
  return typeof value === 'string' ? value : String(value)
}

/**
 * Where a value stands in a flat list of fields, from a field on; -1: nowhere. Of a list that a parser has read every byte was looked at,
 * so what stands in it need not be looked at again; in the order of the list this compares one reference a field.
 */
export function placeOfValue(fields: readonly string[], value: string, from: number): number {
  for (let i = from; i < fields.length; i += 2) if (fields[i + 1] === value) return i
  return -1
}

function classify(): Uint8Array {
  const classes = new Uint8Array(256)
  for (let byte = 0x20; byte < 0x100; byte++) if (byte !== 0x7f) classes[byte] = VALUE
  classes[0x09] = VALUE
  for (const char of "!#$%&'*+-.^_`|~") classes[char.charCodeAt(0)]! |= NAME
  for (let byte = 0x30; byte <= 0x39; byte++) classes[byte]! |= NAME | DIGIT
  for (let byte = 0x41; byte <= 0x5a; byte++) classes[byte]! |= NAME
  for (let byte = 0x61; byte <= 0x7a; byte++) classes[byte]! |= NAME
  return classes
}
