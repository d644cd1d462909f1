/** Who may talk to the admin listener: the checks that stand before every path. Attacks: test/admin/guard.test.ts. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { Problem } from '../problem.ts'

export interface GuardOptions {
  /** Names, besides `localhost` and IP literals, that Host may say. */
  readonly hosts: readonly string[]
  /** Undefined: loopback only, nobody is asked. */
  readonly token: string | undefined
  /** `/metrics` needs no token. */
  readonly metricsOpen: boolean
}

/** Checks one request head; throws a Problem where it may not pass. `path` is without query. */
export type Guard = (request: IncomingMessage, path: string) => void

/** Compiles the checks. */
export function createGuard(options: GuardOptions): Guard {
  const hosts = new Set(options.hosts.map((host) => host.toLowerCase()))
  const tokenDigest = options.token === undefined ? undefined : digest(options.token)
  const open = new Set(['/healthz', '/readyz', ...(options.metricsOpen ? ['/metrics'] : [])])

  return (request, path) => {
    checkHost(request, hosts)
    checkSite(request)
    if (tokenDigest !== undefined && !open.has(path)) checkToken(request, tokenDigest)
  }
}

// DNS rebinding: a page of evil.example, whose name now resolves to 127.0.0.1, still sends its own name as Host.
function checkHost(request: IncomingMessage, hosts: ReadonlySet<string>): void {
  const sent = request.headersDistinct.host ?? []
  const host = sent.length === 1 ? hostName(sent[0]!) : undefined
  if (host === undefined) throw new Problem('bad-request', 'One valid Host header is needed.')
  if (host === 'localhost' || isIP(host) !== 0 || hosts.has(host)) return
  throw new Problem('forbidden', 'This host name is not one of admin.hosts.')
}

/** Lower case, without port, brackets and trailing dot. */
function hostName(authority: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+?)\.?)(?::[0-9]{1,5})?$/.exec(authority.toLowerCase())
  return match?.[1] ?? match?.[2]
}

// Cross-site request forgery: a page elsewhere may make a browser send requests here, but not without saying so.
function checkSite(request: IncomingMessage): void {
  const { origin, host, 'sec-fetch-site': site } = request.headers
  if (site === 'cross-site') throw new Problem('forbidden', 'Requests from other sites are refused.')
  if (origin === undefined) return
  const own = URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()
  if (!own) throw new Problem('forbidden', 'Requests from other origins are refused.')
}

function checkToken(request: IncomingMessage, expected: Buffer): void {
  const headers = ['www-authenticate', 'Bearer realm="sluice admin"']
  const sent = request.headersDistinct.authorization ?? []
  if (sent.length === 0) throw new Problem('credentials-missing', 'The admin token is needed, as Bearer.', { headers })
  const token = /^bearer +([^ ]+)$/i.exec(sent[0]!)?.[1]
  if (sent.length === 1 && token !== undefined && timingSafeEqual(digest(token), expected)) return
  throw new Problem('credentials-invalid', 'This is not the admin token.', { headers })
}

/** Digests have one length, so that comparing them tells nothing about the token's. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
