/** What the listener says of a request besides its head: where it came in, whether it is an upgrade, and what is refused at once. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { ListenerConfig } from '../config/config.ts'
import { Problem } from '../problem.ts'
import type { Arrival, ClientHead } from './admission.ts'

export interface RequestMeta {
  readonly listener: { readonly name: string; readonly protocol: 'http' | 'https' }
  readonly expectsContinue: boolean
  /** Set for an upgrade that was accepted for routing: the connection, and what came along with the head. */
  readonly upgrade: { readonly socket: Socket; readonly head: Buffer } | null
  /** Whether a TLS connection opened for one name may ask for another. Null: there is nothing to tell apart. */
  readonly covers: ((opened: string, asked: string) => boolean) | null
  /** Refused before routing. */
  readonly problem: Problem | null
}

type UpgradeHead = Pick<ClientHead, 'method' | 'httpVersion'> & { readonly headers: IncomingHttpHeaders }

export function plainMeta(
  { name, protocol }: Pick<ListenerConfig, 'name' | 'protocol'>,
  covers: RequestMeta['covers'] = null,
): RequestMeta {
  return { listener: { name, protocol }, expectsContinue: false, upgrade: null, covers, problem: null }
}

/** What the listener would say of a head that no connection brought. */
export function describedMeta(
  listener: Pick<ListenerConfig, 'name' | 'protocol'>,
  head: UpgradeHead,
): Arrival & Pick<RequestMeta, 'problem'> {
  const plain = plainMeta(listener)
  if (head.method === 'CONNECT') return { ...plain, problem: connectRefusal() }
  // Of an upgrade Node reads no Expect.
  if (asksUpgrade(head.headers) && isWebSocketUpgrade(head)) return { ...plain, upgrade: {} }
  const { expect } = head.headers
  // Node's own reading of Expect, which chooses between the events `checkContinue` and `checkExpectation`.
  const expected = head.httpVersion === '1.1' && expect !== undefined
  if (expected && !expectsContinue(expect)) return { ...plain, problem: unmetExpectation() }
  return { ...plain, expectsContinue: expected }
}

/** RFC 9110 §10.1.1: this and nothing else. Node looks for the word anywhere, so that `100-continue-x` has it. */
export function expectsContinue(expect: string): boolean {
  return /^[ \t]*100-continue[ \t]*$/i.test(expect)
}

/** Node's parser takes Upgrade for one only where Connection names it (RFC 9110 §7.8). */
export function asksUpgrade({ upgrade, connection }: IncomingHttpHeaders): boolean {
  return upgrade !== undefined && /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(connection ?? '')
}

export function unmetExpectation(): Problem {
  return new Problem('expectation-failed', 'The only expectation met here is 100-continue.')
}

export function connectRefusal(): Problem {
  return new Problem('method-not-allowed', 'CONNECT is not served here.', {
    headers: ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
  })
}

/**
 * CONTRACT, "An upgrade is a request": GET, HTTP/1.1, websocket, key and version 13. Everything else is an ordinary
 * request without its Upgrade. Attack: `POST` with `Upgrade: foo` would otherwise pass every request handler by.
 */
export function isWebSocketUpgrade({ method, httpVersion, headers }: UpgradeHead): boolean {
  return (
    method === 'GET' &&
    httpVersion === '1.1' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '') &&
    headers['sec-websocket-version'] === '13' &&
    // Its body would pass as the tunnel's first bytes (RFC 9110 §7.8: an upgrade comes after the whole request).
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  )
}
