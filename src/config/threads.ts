/** `threads`: how many serve, and what keeps them from being more. */
import type { Config } from './config.ts'
import type { Reading } from './reading.ts'
import { defaultThreads } from './schema/threads.ts'

export function readThreads(reading: Reading, bounded: Pick<Config, 'limits' | 'upstreams'>): Config['threads'] {
  const threads = reading.data.threads ?? defaultThreads
  const most = mostThreads(bounded)
  if (threads === 'auto' || threads <= most) return threads
  const message = `${threads} threads cannot share a bound of ${most} connections: each needs a part of it`
  reading.findings.error('wrong-value', reading.document.place(['threads']), message)
  return threads
}

/** As many as can have a part of every bound on connections: with no part of one, a thread could do nothing. */
export function mostThreads({ limits, upstreams }: Pick<Config, 'limits' | 'upstreams'>): number {
  const bounds = upstreams.flatMap(({ connections: { max, tunnels } }) => (tunnels === 0 ? [max] : [max, tunnels]))
  return bounds.reduce((least, bound) => Math.min(least, bound), limits.connections)
}
