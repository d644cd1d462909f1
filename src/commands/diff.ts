/** `sluice diff OLD NEW`: what changes between two configs, in words; fails where `--fail-on` says so. */
import { resolve } from 'node:path'
import { renderDiagnostics, sortDiagnostics } from '../config/diagnostic.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { isWeakening, type Weakening, weakenings } from '../diff/change.ts'
import { diff } from '../diff/diff.ts'
import { diffText } from '../diff/text.ts'
import { rehearse } from '../explain/rehearsal.ts'
import { type ExitCode, type Io, misuse, readArguments } from './arguments.ts'
import { diffManual } from './manual/diff.ts'

/** 0: compared; 1: a config is bad, or something is weakened that `--fail-on` names. */
export async function runDiff(args: readonly string[], io: Io): Promise<ExitCode> {
  const read = readArguments(args, diffManual, io)
  if (read === null) return 2
  const kinds = weakeningsOf(read.values['fail-on'], io)
  if (kinds === null) return 2
  const userPlugins = read.values['no-plugins'] !== true
  const [before, after] = await Promise.all(read.positionals.map((file) => load(file, userPlugins, io)))
  if (before == null || after == null) return 1
  const found = await diff(before, after)
  io.stdout(read.values['json'] === true ? `${JSON.stringify(found, null, 2)}\n` : diffText(found))
  return kinds.some((kind) => found.weakened[kind] > 0) ? 1 : 0
}

/** A config that loads and compiles; null after what is wrong with it has been shown. */
async function load(file: string, userPlugins: boolean, io: Io): Promise<LoadedConfig | null> {
  const result = await loadConfig(resolve(io.cwd, file), { env: io.env, userPlugins, shownAs: file })
  const wrong = result.config === null ? result.diagnostics : userPlugins ? await rehearse(result) : []
  if (result.config !== null && wrong.length === 0) return result
  io.stderr(renderDiagnostics(sortDiagnostics(wrong), result.document))
  return null
}

function weakeningsOf(text: unknown, io: Io): Weakening[] | null {
  if (text === undefined) return []
  // An empty variable of a pipeline would be a guard that guards nothing.
  const words = String(text).split(',')
  const unknown = words.find((word) => !isWeakening(word))
  if (unknown === undefined) return words.filter(isWeakening)
  misuse(`--fail-on takes ${weakenings.join(', ')}; "${unknown}" is none of them`, diffManual, io)
  return null
}
