/** Golden cases: a config, a line of dashes, and what the operator reads. `UPDATE_CASES=1` writes what is read now. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { diagnosticCodes, renderDiagnostics } from '../../src/config/diagnostic.ts'
import { loadConfig } from '../../src/config/load.ts'
import { PluginCatalog } from '../../src/config/plugin-catalog.ts'

const cases = join(import.meta.dirname, 'cases')
const folder = mkdtempSync(join(tmpdir(), 'sluice-cases-'))
cpSync(join(import.meta.dirname, 'fixtures'), folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true }))

const DASHES = '----------\n'
const files = readdirSync(cases).filter((name) => name.endsWith('.yaml'))
const catalog = new PluginCatalog()

test.for(files)('%s reads as its golden text', async (name) => {
  const path = join(cases, name)
  const text = readFileSync(path, 'utf8')
  const end = text.lastIndexOf(DASHES)
  const source = end === -1 ? text : text.slice(0, end)
  const file = join(folder, `${name.slice(0, -5)}-gateway.yaml`)
  writeFileSync(file, source)

  const env = { TOKEN: 'a-token-of-the-environment', EMPTY: '' }
  const result = await loadConfig(file, { env, shownAs: 'gateway.yaml' }, catalog)
  const shown = `${renderDiagnostics(result.diagnostics, result.document)}${result.config === null ? 'refused\n' : 'accepted\n'}`

  if (process.env['UPDATE_CASES'] === '1') writeFileSync(path, `${source}${DASHES}${shown}`)
  else expect(shown).toBe(text.slice(end + DASHES.length))
})

test('every diagnostic code has a golden case or a test of its own', () => {
  const elsewhere = [
    'failed-test',
    'plugin-changed',
    'plugin-skipped',
    'threads-changed',
    'threads-unsupported',
    'worker-ended',
  ]
  const golden = files.map((name) => readFileSync(join(cases, name), 'utf8').split(DASHES).at(-1)!).join('')
  const missing = Object.keys(diagnosticCodes).filter(
    (code) => !elsewhere.includes(code) && !golden.includes(`  ${code}  `),
  )

  expect(missing).toEqual([])
})
