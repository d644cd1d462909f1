/** `sluice check`: what is wrong with a config, what is worth a look, and who may use it without saying who they are. */
import { resolve } from 'node:path'
import { type Diagnostic, positionText, renderDiagnostics, sortDiagnostics } from '../config/diagnostic.ts'
import { type LoadOptions, type LoadResult, loadConfig } from '../config/load.ts'
import { rehearse } from '../explain/rehearsal.ts'
import { runTests, type TestRun } from '../explain/tests.ts'
import { type ExitCode, type Io, readArguments } from './arguments.ts'
import { checkManual } from './manual/check.ts'

export async function runCheck(args: readonly string[], io: Io): Promise<ExitCode> {
  const read = readArguments(args, checkManual, io)
  if (read === null) return 2
  const { values } = read
  const file = String(values['config'])
  const userPlugins = values['no-plugins'] !== true
  const checked = await checkFile(resolve(io.cwd, file), { env: io.env, userPlugins, shownAs: file })
  const { result, tests } = checked
  const fine = values['strict'] !== true || result.diagnostics.length === 0
  const ok = result.config !== null && fine && tests.diagnostics.length === 0
  io.stdout(values['json'] === true ? jsonReport(checked, ok) : textReport(checked, file))
  return ok ? 0 : 1
}

interface Checked {
  readonly result: LoadResult
  readonly tests: TestRun
}

const noTests: TestRun = { results: [], diagnostics: [] }

/** The file's own rules, then, where they hold, whether it compiles, then what its tests say. */
async function checkFile(file: string, options: LoadOptions): Promise<Checked> {
  const result = await loadConfig(file, options)
  if (result.config === null) return { result, tests: noTests }
  const found = options.userPlugins === false ? [] : await rehearse(result)
  if (found.length === 0) return { result, tests: await runTests(result) }
  const diagnostics = sortDiagnostics([...result.diagnostics, ...found])
  return { result: { config: null, diagnostics, document: result.document, files: result.files }, tests: noTests }
}

/** `{ ok, diagnostics, publicRoutes, sharedCaches, tests }`: other programs read this. */
function jsonReport({ result, tests }: Checked, ok: boolean): string {
  const { publicRoutes, sharedCaches } = result.config === null ? { publicRoutes: [], sharedCaches: [] } : result
  const diagnostics: readonly Diagnostic[] = result.diagnostics
  return `${JSON.stringify({ ok, diagnostics, publicRoutes, sharedCaches, tests: tests.results }, null, 2)}\n`
}

function textReport({ result, tests }: Checked, file: string): string {
  const findings = renderDiagnostics(result.diagnostics, result.document)
  if (result.config === null) return findings
  const { config, publicRoutes, sharedCaches } = result
  const parts = [
    findings,
    `${file} ${tests.diagnostics.length === 0 ? 'is fine' : 'loads'}: ${count(config.routes.length, 'route')}, ${count(config.upstreams.length, 'upstream')}.\n`,
  ]
  if (publicRoutes.length > 0) {
    const lines = publicRoutes.map(({ route, reason, at }) => `  ${route}: ${reason}  (${positionText(at)})\n`)
    parts.push(`Public, for anybody to use:\n${lines.join('')}`)
  }
  if (sharedCaches.length > 0) {
    const lines = sharedCaches.map(({ route, at }) => `  ${route}  (${positionText(at)})\n`)
    parts.push(`Cached answers shared between consumers:\n${lines.join('')}`)
  }
  if (tests.results.length > 0) parts.push(testReport(tests, result))
  return parts.join('')
}

function testReport({ results, diagnostics }: TestRun, { document }: LoadResult): string {
  const failed = results.filter(({ ok }) => !ok).length
  if (failed === 0) return `Tests: ${results.length} passed.\n`
  return `\n${renderDiagnostics(diagnostics, document)}Tests: ${failed} of ${results.length} failed.\n`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
