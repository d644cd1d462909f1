/** The `upstream` of a route: one, or several that divide its requests among them. */
import { readAffinity } from './balance.ts'
import type { AffinityKey, UpstreamShare } from './config.ts'
import type { Path } from './document.ts'
import type { RawRoute } from './raw.ts'
import type { Reading } from './reading.ts'
import { nameHint } from './suggest.ts'
import type { Upstreams } from './upstreams.ts'

interface SplitSource {
  readonly name: string
  readonly raw: RawRoute
  readonly upstreams: Upstreams
}

/** Each upstream with its share, in the order of the file; empty where none could be read. */
export function readShares(reading: Reading, { name, raw, upstreams }: SplitSource): UpstreamShare[] {
  const path: Path = ['routes', name, 'upstream']
  const { upstream } = raw
  if (upstream === undefined) return []
  if (typeof upstream === 'string') {
    checkUpstream(reading, upstreams, { upstream, path })
    return [{ upstream, weight: 1 }]
  }
  const shares: UpstreamShare[] = []
  for (const [index, share] of upstream.entries()) {
    if (share?.upstream === undefined) continue
    const at = [...path, index, 'upstream']
    if (shares.some((other) => other.upstream === share.upstream)) {
      const message = `${reading.document.shown(at)} has a share in this split already`
      reading.findings.error('duplicate-target', reading.document.place(at), {
        message,
        suggestion: 'add the weights up',
      })
    }
    checkUpstream(reading, upstreams, { upstream: share.upstream, path: at })
    shares.push({ upstream: share.upstream, weight: share.weight ?? 1 })
  }
  if (shares.length > 0 && shares.every(({ weight }) => weight === 0)) {
    reading.findings.error(
      'wrong-value',
      reading.document.place(path),
      'every share has weight 0: none would get a request',
    )
  }
  return shares
}

/** What keeps requests on one side; null where nothing does. */
export function readSplitKey(reading: Reading, { name, raw }: SplitSource): AffinityKey | null {
  const { document, findings } = reading
  const { split, upstream } = raw
  const path: Path = ['routes', name, 'split']
  if (split === undefined) return null
  if (typeof upstream === 'string') {
    const message = '`split` is about a list of upstreams, and this route has one'
    findings.error('conflicting-keys', document.keyPlace(path), message)
  }
  if (split.by === undefined) return null
  return readAffinity(reading, { text: split.by, path: [...path, 'by'], plain: ['consumer', 'ip'] })
}

function checkUpstream(
  { document, findings }: Reading,
  upstreams: Upstreams,
  { upstream, path }: { upstream: string; path: Path },
): void {
  if (isUrl(upstream)) upstreams.ofUrl(upstream, path)
  else if (!upstreams.has(upstream)) {
    const suggestion = nameHint(upstream, upstreams.names)
    findings.error('unknown-name', document.place(path), {
      message: `no upstream is called ${document.shown(path)}`,
      suggestion,
    })
  }
}

function isUrl(upstream: string): boolean {
  return upstream.includes('://') || upstream.startsWith('unix:')
}
