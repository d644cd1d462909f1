import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { generatedPages, optionTables, regenerated, sectionsOf } from '../../docs/generate.ts'
import { PluginCatalog } from '../../src/config/plugin-catalog.ts'
import { problems } from '../../src/problem.ts'
import { blocksOf, readPage, tableRows } from './pages.ts'

const tables = await optionTables()
const catalog = new PluginCatalog()

describe('the reference', () => {
  test.for(generatedPages)('%s holds the tables that `npm run docs` writes', (page) => {
    expect(regenerated(readPage(page), tables)).toBe(readPage(page))
  })

  test('has a table for every schema', () => {
    expect(generatedPages.flatMap((page) => sectionsOf(readPage(page))).sort()).toEqual([...tables.keys()].sort())
  })

  test('has an example of every key of the file', () => {
    expect(missingKeys('docs/configuration.md', (name) => !name.startsWith('plugin.'))).toEqual([])
  })

  test('has an example of every option of every plugin', () => {
    expect(missingKeys('docs/plugins.md', (name) => name.startsWith('plugin.'))).toEqual([])
  })

  test('names every plugin in the box, and no other, in the order of the alphabet', () => {
    const headings = [...readPage('docs/plugins.md').matchAll(/^## (.+)$/gm)].map((match) => match[1])

    expect(headings).toEqual(catalog.builtIns)
  })
})

/** Keys of the generated tables of a page that stand in none of its configs. `mode` and `optional` are explained once, for all. */
function missingKeys(page: string, wanted: (name: string) => boolean): string[] {
  const configs = blocksOf(page).filter(({ language }) => language === 'yaml')
  const text = configs.map((block) => block.text).join('\n')
  const keys = [...tables].filter(([name]) => wanted(name)).flatMap(([, table]) => keysOf(table))
  return [...new Set(keys)].filter((key) => key !== 'mode' && key !== 'optional' && !text.includes(`${key}:`))
}

function keysOf(table: string): string[] {
  const names = [...table.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]!)
  return names.map((name) => name.split('.').at(-1)!.replace('[]', ''))
}

describe('the table of errors', () => {
  const rows = tableRows('docs/errors.md', '<!-- problems -->')

  test('is the table that the gateway answers by', () => {
    const documented = rows.map(([code, status, title, source]) => [
      code!.replaceAll('`', ''),
      Number(status),
      title,
      source,
    ])

    expect(documented).toEqual(Object.entries(problems).map(([code, row]) => [code, row.status, row.title, row.source]))
  })

  test('says of each what it means', () => {
    expect(rows.filter((cells) => (cells[4] ?? '').length < 10)).toEqual([])
  })
})

describe('the list of plugins in plugins/README.md', () => {
  test('has one row for each file, and no other', () => {
    const files = readdirSync('plugins').filter((name) => name.endsWith('.ts'))

    expect(tableRows('plugins/README.md', '# ').map(([file]) => file!.replaceAll('`', ''))).toEqual(files.sort())
  })
})

describe('the table of imports in src/README.md', () => {
  test('is the one that the architecture test enforces', () => {
    const [, enforced] = /const table[^=]*= \{\n([\s\S]*?)\n\}/.exec(readPage('test/architecture.test.ts'))!
    const rooms = [...enforced!.matchAll(/'?([\w.-]+)'?: \[([^\]]*)\]/g)]

    const documented = tableRows('src/README.md', '## Who may import whom').map(([room, , imports]) => [
      ...namesIn(room!, '`'),
      namesIn(imports!, '`').sort(),
    ])

    expect(documented).toEqual(rooms.map(([, room, imports]) => [room, namesIn(imports!, "'").sort()]))
  })
})

/** What stands between pairs of a mark. */
function namesIn(text: string, mark: string): string[] {
  return text.split(mark).filter((_, index) => index % 2 === 1)
}
