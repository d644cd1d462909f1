/** A rehearsal of a config given as text. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import type { DescribedRequest } from '../../src/explain/described-request.ts'
import { Rehearsal, type RehearsalOptions } from '../../src/explain/rehearsal.ts'

export interface OpenRehearsal extends AsyncDisposable {
  readonly loaded: LoadedConfig
  readonly rehearsal: Rehearsal
  run: Rehearsal['run']
}

export async function openRehearsal(
  yaml: string,
  options: RehearsalOptions & { env?: NodeJS.ProcessEnv; files?: Readonly<Record<string, string>> } = {},
): Promise<OpenRehearsal> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(folder, name), text)
  await writeFile(join(folder, 'gateway.yaml'), yaml)
  const loaded = await loadConfig(join(folder, 'gateway.yaml'), { env: options.env ?? {}, shownAs: 'gateway.yaml' })
  if (loaded.config === null) throw new Error(JSON.stringify(loaded.diagnostics))
  const rehearsal = await Rehearsal.open(loaded, options)
  return {
    loaded,
    rehearsal,
    run: (request: DescribedRequest) => rehearsal.run(request),
    async [Symbol.asyncDispose]() {
      await rehearsal.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
