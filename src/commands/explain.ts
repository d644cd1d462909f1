/** `sluice explain METHOD URL`: what would happen to a request, and why. Offline: the config alone is asked. */
import { resolve } from 'node:path'
import { renderDiagnostics, sortDiagnostics } from '../config/diagnostic.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { type DescribedRequest, DescriptionError, type HttpVersion } from '../explain/described-request.ts'
import { Rehearsal } from '../explain/rehearsal.ts'
import { explanationText } from '../explain/text.ts'
import { diagnosticsOf } from '../gateway-errors.ts'
import { type Arguments, type ExitCode, type Io, misuse, readArguments } from './arguments.ts'
import { explainManual } from './manual/explain.ts'

/** 0: the request is explained, whatever becomes of it; 1: the config is bad; 2: what was asked is no request. */
export async function runExplain(args: readonly string[], io: Io): Promise<ExitCode> {
  const read = readArguments(args, explainManual, io)
  if (read === null) return 2
  const { values } = read
  const file = String(values['config'])
  try {
    const request = requestOf(read)
    const userPlugins = values['no-plugins'] !== true
    const loaded = await loadConfig(resolve(io.cwd, file), { env: io.env, userPlugins, shownAs: file })
    if (loaded.config === null) {
      io.stderr(renderDiagnostics(loaded.diagnostics, loaded.document))
      return 1
    }
    return await explainWith(loaded, request, { io, json: values['json'] === true })
  } catch (error) {
    if (!(error instanceof DescriptionError)) throw error
    return misuse(error.message, explainManual, io)
  }
}

async function explainWith(
  loaded: LoadedConfig,
  request: DescribedRequest,
  { io, json }: { io: Io; json: boolean },
): Promise<ExitCode> {
  let rehearsal: Rehearsal
  try {
    rehearsal = await Rehearsal.open(loaded)
  } catch (error) {
    const found = sortDiagnostics(diagnosticsOf(error, loaded.document.places))
    io.stderr(renderDiagnostics(found, loaded.document))
    return 1
  }
  try {
    const explanation = await rehearsal.explain(request)
    io.stdout(json ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation))
    return 0
  } finally {
    await rehearsal.close()
  }
}

function requestOf({ values, positionals }: Arguments): DescribedRequest {
  const [method, url] = positionals as [string, string]
  const text = (name: string) => values[name] as string | undefined
  return {
    method,
    url,
    headers: (values['header'] as readonly string[]).flatMap(headerOf),
    as: text('as'),
    claims: claimsOf(text('claims')),
    ip: text('ip'),
    listener: text('listener'),
    http: text('http') as HttpVersion | undefined,
    bodyLength: bytesOf(text('body')),
  }
}

function headerOf(text: string): [string, string] {
  const colon = text.indexOf(':')
  if (colon === -1) throw new DescriptionError('headers', `"${text}" is no header: write it as 'name: value'`)
  return [text.slice(0, colon), text.slice(colon + 1).trim()]
}

function claimsOf(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(text)
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims))
      return claims as Record<string, unknown>
  } catch {
    // Said below, for what is no JSON as for what is no map.
  }
  throw new DescriptionError('claims', `the claims are a JSON object, such as {"sub":"42"}`)
}

function bytesOf(text: string | undefined): number | undefined {
  if (text === undefined || /^[0-9]{1,15}$/.test(text)) return text === undefined ? undefined : Number(text)
  throw new DescriptionError('bodyLength', `"${text}" is no number of bytes`)
}
