/** `sluice check`: what is wrong with a config, what is worth a look, and who may use it without saying who they are. */
import { resolve } from 'node:path'
import { type Diagnostic, positionText, renderDiagnostics, sortDiagnostics } from '../config/diagnostic.ts'
import { type LoadOptions, type LoadResult, loadConfig } from '../config/load.ts'
import { rehearse } from '../explain/rehearsal.ts'
import { type ExitCode, type Io, readArguments } from './arguments.ts'

const usage = 'sluice check [--config FILE] [--json] [--strict] [--no-plugins]'

const options = {
  config: { type: 'string', default: 'gateway.yaml' },
  json: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
  'no-plugins': { type: 'boolean', default: false },
} as const

export async function runCheck(args: readonly string[], io: Io): Promise<ExitCode> {
  const read = readArguments(args, { usage, options, words: 0 }, io)
  if (read === null) return 2
  const { values } = read
  const file = String(values['config'])
  const userPlugins = values['no-plugins'] !== true
  const result = await checkFile(resolve(io.cwd, file), { env: io.env, userPlugins, shownAs: file })
  const ok = result.config !== null && (values['strict'] !== true || result.diagnostics.length === 0)
  io.stdout(values['json'] === true ? jsonReport(result, ok) : textReport(result, file))
  return ok ? 0 : 1
}

/** The file's own rules, then, where they hold, whether it compiles. */
async function checkFile(file: string, options: LoadOptions): Promise<LoadResult> {
  const result = await loadConfig(file, options)
  if (result.config === null || options.userPlugins === false) return result
  const found = await rehearse(result)
  if (found.length === 0) return result
  return { config: null, diagnostics: sortDiagnostics([...result.diagnostics, ...found]), document: result.document }
}

/** `{ ok, diagnostics, publicRoutes, sharedCaches, tests }`: other programs read this. */
function jsonReport(result: LoadResult, ok: boolean): string {
  const { publicRoutes, sharedCaches } = result.config === null ? { publicRoutes: [], sharedCaches: [] } : result
  const diagnostics: readonly Diagnostic[] = result.diagnostics
  return `${JSON.stringify({ ok, diagnostics, publicRoutes, sharedCaches, tests: [] }, null, 2)}\n`
}

function textReport(result: LoadResult, file: string): string {
  const findings = renderDiagnostics(result.diagnostics, result.document)
  if (result.config === null) return findings
  const { config, publicRoutes, sharedCaches } = result
  const parts = [
    findings,
    `${file} is fine: ${count(config.routes.length, 'route')}, ${count(config.upstreams.length, 'upstream')}.\n`,
  ]
  if (publicRoutes.length > 0) {
    const lines = publicRoutes.map(({ route, reason, at }) => `  ${route}: ${reason}  (${positionText(at)})\n`)
    parts.push(`Public, for anybody to use:\n${lines.join('')}`)
  }
  if (sharedCaches.length > 0) {
    const lines = sharedCaches.map(({ route, at }) => `  ${route}  (${positionText(at)})\n`)
    parts.push(`Cached answers shared between consumers:\n${lines.join('')}`)
  }
  return parts.join('')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
