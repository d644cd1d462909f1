/** Makes a config that loads of a draft: what the config's own rules refuse is closed, or left out, and said. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Diagnostic } from '../config/diagnostic.ts'
import { loadConfig } from '../config/load.ts'
import { rehearse } from '../explain/rehearsal.ts'
import { type Draft, type DraftRoute, ImportError } from './draft.ts'
import { render } from './render.ts'

export interface Imported {
  readonly text: string
  readonly draft: Draft
}

/** Each round closes or leaves out at least one route. */
export async function settle(draft: Draft, from: string): Promise<Imported> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-import-'))
  try {
    let current = draft
    for (;;) {
      const text = render(current, from)
      const errors = await errorsOf(text, folder)
      if (errors.length === 0) return { text, draft: current }
      current = corrected(current, errors)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function errorsOf(text: string, folder: string): Promise<readonly Diagnostic[]> {
  const file = join(folder, 'gateway.yaml')
  await writeFile(file, text)
  const loaded = await loadConfig(file, { env: {}, shownAs: 'the result' })
  const found = loaded.config === null ? loaded.diagnostics : await rehearse(loaded)
  return found.filter(({ severity }) => severity === 'error')
}

function corrected(draft: Draft, errors: readonly Diagnostic[]): Draft {
  const about = new Map<string, string>()
  const upstreams = { ...draft.upstreams }
  for (const { path, message } of errors) {
    const upstream = Object.keys(upstreams).find(
      (name) => path === `upstreams.${name}` || path.startsWith(`upstreams.${name}.`),
    )
    if (upstream !== undefined) {
      delete upstreams[upstream]
      for (const route of draft.routes) if (route.upstream === upstream) about.set(route.name, message)
    }
    const route = draft.routes.find(({ name }) => path === `routes.${name}` || path.startsWith(`routes.${name}.`))
    if (route !== undefined) about.set(route.name, about.get(route.name) ?? message)
  }
  if (about.size === 0 && Object.keys(upstreams).length === Object.keys(draft.upstreams).length)
    throw new ImportError(`what was read makes no config: ${errors[0]!.message}`)
  const notes = [...draft.notes]
  const lost = new Set<string>()
  const routes = draft.routes.flatMap((route): DraftRoute[] => {
    const message = about.get(route.name)
    if (message === undefined) return [route]
    if (route.closed === undefined) return [{ ...route, closed: message }]
    // Its match itself is refused. Where another route has the same one, that is closed in its place.
    for (const path of route.match.paths) lost.add(path)
    notes.push(`route ${route.name} is left out: ${message}`)
    return []
  })
  const settled = routes.map((route) =>
    route.closed === undefined && route.match.paths.some((path) => lost.has(path))
      ? { ...route, closed: 'a route that cannot be open matches the same' }
      : route,
  )
  return { ...draft, upstreams, routes: settled, notes }
}
