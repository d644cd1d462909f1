/** Cache-Status (RFC 9211): what the cache did with a request, for whoever reads the answer. */
import type { Reply } from '#gateway'

/** Why a request went on to the upstream (RFC 9211 §2.2). */
export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale'

const MEMBER = 'sluice'

export function sayHit(reply: Reply, remainingMs: number): void {
  append(reply, `${MEMBER}; hit; ttl=${Math.floor(remainingMs / 1000)}`)
}

/** The upstream was asked and failed; `status`: what it answered, if it did. */
export function sayStandIn(reply: Reply, forwarded: Forwarded, status: number | null): void {
  append(reply, `${MEMBER}; fwd=${forwarded}${status === null ? '' : `; fwd-status=${status}`}; detail=stale-if-error`)
}

export function sayForwarded(reply: Reply, forwarded: Forwarded, stored: boolean): void {
  append(reply, `${MEMBER}; fwd=${forwarded}${stored ? '; stored' : ''}`)
}

/** RFC 9211 §2: a list, the cache nearest to the origin first. */
function append(reply: Reply, member: string): void {
  const before = reply.headers.values('cache-status')
  reply.header('cache-status', [...before, member].join(', '))
}
