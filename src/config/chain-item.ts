/** One item of a chain as written: a name, or a map whose one key is the name. Taken apart, not yet looked up. */
import type { Path } from './document.ts'
import type { RawItem } from './raw.ts'
import type { Reading } from './reading.ts'

export interface WrittenItem {
  readonly name: string
  /** What stands under the name; undefined for a bare name. */
  readonly options: unknown
  /** Of the item in its list. */
  readonly path: Path
  /** Of the options, where they are; else of the item. */
  readonly optionsPath: Path
}

export interface WrittenAny {
  readonly members: readonly WrittenItem[]
  readonly optional: boolean
}

/** Name of an item that could not be read: whatever it was meant to be, that has been reported. */
export const UNREADABLE = ''

/** The items of a list; what is no item is reported. */
export function readItems(
  reading: Reading,
  raw: readonly (RawItem | undefined)[] | undefined,
  path: Path,
): WrittenItem[] {
  if (raw === undefined) return [unreadable(path)]
  return raw.map((item, index) => readItem(reading, item, [...path, index]))
}

function unreadable(path: Path): WrittenItem {
  return { name: UNREADABLE, options: undefined, path, optionsPath: path }
}

function readItem(reading: Reading, raw: RawItem | undefined, path: Path): WrittenItem {
  if (raw === undefined || raw === '') return unreadable(path)
  if (typeof raw === 'string') return { name: raw, options: undefined, path, optionsPath: path }
  const [name, second] = Object.keys(raw)
  if (name !== undefined && second === undefined) {
    return { name, options: raw[name], path, optionsPath: [...path, name] }
  }
  const suggestion =
    second === undefined ? undefined : `options are indented below the name: \`- ${name}: { ${second}: … }\``
  const message =
    second === undefined ? 'an item has a name' : 'an item has one key, the name; its options are below it'
  reading.findings.error(
    'bad-item',
    second === undefined ? reading.document.place(path) : reading.document.keyPlace([...path, second]),
    {
      message,
      suggestion,
    },
  )
  return unreadable(path)
}

/** `any: [ITEM, …]`, or `any: { of: [ITEM, …], optional: true }`. */
export function readAny(reading: Reading, item: WrittenItem): WrittenAny | undefined {
  const { options, optionsPath } = item
  if (Array.isArray(options) && options.length > 0) {
    return { members: readMembers(reading, options, optionsPath), optional: false }
  }
  if (isRecord(options) && Array.isArray(options['of']) && options['of'].length > 0) {
    const unknown = Object.keys(options).find((key) => key !== 'of' && key !== 'optional')
    const { optional = false } = options
    if (unknown !== undefined) {
      reading.findings.error(
        'unknown-key',
        reading.document.keyPlace([...optionsPath, unknown]),
        `any has no key "${unknown}"`,
      )
    } else if (typeof optional !== 'boolean') {
      const place = reading.document.place([...optionsPath, 'optional'])
      reading.findings.error(
        'wrong-type',
        place,
        `expected true or false, found ${reading.document.shown([...optionsPath, 'optional'])}`,
      )
    }
    return { members: readMembers(reading, options['of'], [...optionsPath, 'of']), optional: optional === true }
  }
  reading.findings.error('bad-item', reading.document.place(optionsPath), {
    message: '`any` takes a list of authenticators',
    suggestion: 'write `any: [api-key, jwt: { … }]`',
  })
  return undefined
}

function readMembers(reading: Reading, members: readonly unknown[], path: Path): WrittenItem[] {
  const items = members.map((member, index) => {
    if (typeof member === 'string' || isRecord(member)) return member
    const at = [...path, index]
    if (member !== undefined) {
      reading.findings.error(
        'bad-item',
        reading.document.place(at),
        `expected a plugin, found ${reading.document.shown(at)}`,
      )
    }
    return undefined
  })
  return readItems(reading, items, path)
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
