/** `sluice replay LOG --config NEW`: what another config would have done to the requests of an access log. */
import { resolve } from 'node:path'
import { renderDiagnostics } from '../config/diagnostic.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { reasonOf } from '../config/secrets.ts'
import { rehearse } from '../explain/rehearsal.ts'
import { openLog } from '../replay/lines.ts'
import { replay } from '../replay/replay.ts'
import { replayText } from '../replay/text.ts'
import { type ExitCode, type Io, readArguments } from './arguments.ts'
import { replayManual } from './manual/replay.ts'

/** 0: replayed, whatever would change; 1: the config is bad, or the log cannot be read. */
export async function runReplay(args: readonly string[], io: Io): Promise<ExitCode> {
  const read = readArguments(args, replayManual, io)
  if (read === null) return 2
  const { values, positionals } = read
  const [name] = positionals as [string]
  const loaded = await load(String(values['config']), values['no-plugins'] !== true, io)
  if (loaded === null) return 1
  try {
    const result = await replay(openLog(resolve(io.cwd, name)), loaded)
    if (result.from === null && result.foreign.count > 0) {
      io.stderr(`${name} is no access log: none of its lines is a record of the plugin access-log${packedHint(name)}\n`)
      return 1
    }
    io.stdout(values['json'] === true ? `${JSON.stringify(result, null, 2)}\n` : replayText(result))
    return 0
  } catch (error) {
    if (!isUnreadable(error)) throw error
    const reason = isUnpackable(error) ? unpackedReason(error) : reasonOf(error)
    io.stderr(`cannot read ${name}: ${reason}\n`)
    return 1
  }
}

/** A config that loads and compiles; null after what is wrong with it has been shown. */
async function load(file: string, userPlugins: boolean, io: Io): Promise<LoadedConfig | null> {
  const result = await loadConfig(resolve(io.cwd, file), { env: io.env, userPlugins, shownAs: file })
  const wrong = result.config === null ? result.diagnostics : await rehearse(result)
  if (result.config !== null && wrong.length === 0) return result
  io.stderr(renderDiagnostics(wrong, result.document))
  return null
}

function isUnreadable(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall !== undefined || isUnpackable(error)
}

function packedHint(name: string): string {
  return name.endsWith('.gz') ? '' : '; the name of a packed one ends in .gz'
}

function unpackedReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'Z_BUF_ERROR') return 'it is packed by gzip, and its end is missing'
  return message === 'incorrect header check' ? 'it is not packed by gzip' : `it is damaged: ${message}`
}

function isUnpackable(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code?.startsWith('Z_') === true
}
