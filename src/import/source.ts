/** Reads a YAML or JSON file of another program into plain data, and takes it apart without trusting its shape. */
import { LineCounter, parseDocument } from 'yaml'
import { ImportError } from './draft.ts'

export type Source = Readonly<Record<string, unknown>>

/** Throws ImportError for what is no text, no YAML, or no map. */
export function readSource(bytes: Buffer, file: string): Source {
  const data = read(bytes, file)
  if (!isMap(data)) throw new ImportError(`${file} holds no map of settings`)
  return data
}

function read(bytes: Buffer, file: string): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return plain(jsonOf(text) ?? yamlOf(text, file))
  } catch (error) {
    if (error instanceof TypeError) throw new ImportError(`${file} is not UTF-8`)
    // How deep a stack goes is the only bound of what is read here, and of the reader of YAML.
    if (error instanceof RangeError) throw new ImportError(`${file} is nested too deeply`)
    if (error instanceof ReferenceError) throw new ImportError(`${file}: its aliases stand for too much`)
    throw error
  }
}

/** JSON is YAML, but documents of ten megabytes are not read as such within seconds. Undefined: it is none. */
function jsonOf(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Some repeat what they are about. */
const LONGEST_MESSAGE = 160

function yamlOf(text: string, file: string): unknown {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, strict: false, uniqueKeys: false, logLevel: 'silent' })
  const [error] = document.errors
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0])
    if (error.message.startsWith('Maximum call stack')) throw new RangeError(error.message)
    const message = error.message
      .split('\n', 1)[0]!
      .replace(/ at line.*$/, '')
      .slice(0, LONGEST_MESSAGE)
    throw new ImportError(`${file}:${line}:${col}  ${message}${templateHint(text)}`)
  }
  return document.toJS({ maxAliasCount: 10_000 })
}

/** decK's files may hold templates, which are YAML only by luck. */
function templateHint(text: string): string {
  return text.includes(`\${{`)
    ? `. The file has templates, \${{ … }}: write what they stand for, or put them in quotes`
    : ''
}

/** What looks like a placeholder there is text, and stays text here. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(`\${`, `$\${`)
  if (Array.isArray(value)) return value.map(plain)
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

export function isMap(value: unknown): value is Source {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function mapOf(value: unknown): Source {
  return isMap(value) ? value : {}
}

export function mapsOf(value: unknown): Source[] {
  return Array.isArray(value) ? value.filter(isMap) : []
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

/** `$KEY`, `\${KEY}`, `{{ key }}`, `{vault://…}`, `__KEY__`, `<key>`: filled in by something else. As it is, everybody could guess it. */
export function isPlaceholder(text: string): boolean {
  return /^\$+(\w+|\{.*\})$|\{\{.*\}\}|^\{vault:.*\}$|^(__|%%|@@).*(__|%%|@@)$|^<.*>$/.test(text.trim())
}

/** The text as the file had it. */
export function asWritten(text: string): string {
  return text.replaceAll(`$\${`, `\${`)
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
