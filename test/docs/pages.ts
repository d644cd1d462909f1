/** The pages of the documentation, and the code blocks in them. */
import { readdirSync, readFileSync } from 'node:fs'

export interface Block {
  readonly page: string
  /** Of the fence that opens it. */
  readonly line: number
  readonly language: string
  /** Words after the language: `file=gateway.yaml` is `file` → `gateway.yaml`, `refused` is `refused` → ``. */
  readonly attributes: ReadonlyMap<string, string>
  readonly text: string
}

/** Every page that makes promises, from the root of the repository. */
export const pages: readonly string[] = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'src/README.md',
  'plugins/README.md',
  'test/README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

export function readPage(page: string): string {
  return readFileSync(page, 'utf8')
}

export function blocksOf(page: string): Block[] {
  const text = readPage(page)
  const fences = text.matchAll(/^```([a-z]+)?(?: ([^\n]*))?\n([\s\S]*?)^```$/gm)
  return [...fences].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1] ?? '',
    attributes: new Map((match[2] ?? '').split(' ').map((word) => wordOf(word))),
    text: match[3]!,
  }))
}

function wordOf(word: string): [string, string] {
  const [name = '', value = ''] = word.split('=', 2)
  return [name, value]
}

/** Rows of the first table below a heading or mark, cells trimmed, without the head. */
export function tableRows(page: string, mark: string): string[][] {
  const text = readPage(page)
  const start = text.indexOf(mark)
  if (start === -1) throw new Error(`${page} has no "${mark}"`)
  const lines = text.slice(start).split('\n')
  const first = lines.findIndex((line) => line.startsWith('|'))
  const rest = lines.slice(first)
  const end = rest.findIndex((line) => !line.startsWith('|'))
  return rest.slice(2, end).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  )
}
