/** `POST /api/cache/purge`: which answers are to be forgotten, as the body says it. */
import { Problem } from '../problem.ts'
import type { AdminSource } from './source.ts'

type Asked = Parameters<NonNullable<AdminSource['purge']>>[0]

const keys: ReadonlySet<string> = new Set(['route', 'url', 'tag'])

export async function purge(source: AdminSource, body: unknown): Promise<object> {
  const asked = readPurge(body)
  const { route } = asked
  if (route !== undefined && !source.routeNames().includes(route))
    throw new Problem('bad-request', 'No route has this name.')
  const { forgotten, toldFleet } = await source.purge!(asked)
  if (toldFleet) return { purged: forgotten }
  throw new Problem(
    'store-unavailable',
    'This gateway has forgotten them; the others could not be told, because the store does not answer. Try again.',
    { headers: ['retry-after', '1'] },
  )
}

function readPurge(body: unknown): Asked {
  const isMap = typeof body === 'object' && body !== null && !Array.isArray(body)
  const entries = isMap ? Object.entries(body) : []
  const isRight = entries.every(([key, value]) => keys.has(key) && typeof value === 'string' && value !== '')
  if (entries.length > 0 && isRight) return Object.fromEntries(entries)
  throw new Problem(
    'bad-request',
    'Say what to forget: {"route": "…"}, {"url": "…"} or {"tag": "…"}, or several of them.',
  )
}
