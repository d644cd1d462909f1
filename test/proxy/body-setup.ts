/** Large bodies, slow readers, and when nothing is left of them: what the tests of bodies and connections share. */
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import type { TestGateway } from '../support/gateway.ts'

export const open = (url: string, more = '') =>
  `plugins: [metrics]\nroutes:\n  all: { match: /*, upstream: "${url}", public: test${more} }\n`
export const guarded = (url: string) => `routes:\n  all: { match: /*, upstream: "${url}", plugins: [api-key] }\n`
export const MIB = 1024 * 1024

/** The same random megabyte again and again: no two pieces of it look alike, and it costs no memory. */
export const piece = randomBytes(MIB)
export const pieces = (count: number) =>
  Readable.from(
    (function* () {
      for (let i = 0; i < count; i++) yield piece
    })(),
  )
export const digestOf = (count: number) => {
  const hash = createHash('sha256')
  for (let i = 0; i < count; i++) hash.update(piece)
  return hash.digest('hex')
}

/** Nothing of a request is left: no exchange, no busy connection to the upstream. */
export async function settled(gateway: TestGateway): Promise<void> {
  await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
  await expect
    .poll(() => gateway.metrics())
    .not.toMatch(/sluice_upstream_connections\{[^}]*state="(active|connecting)"\} [1-9]/)
}

/** How much more memory the process takes than now, at most, when somebody looks. */
export function peakMemory() {
  const before = process.memoryUsage.rss()
  let most = 0
  let looks = 0
  return {
    /** Often: a look in sixteen is one, as each is a call of the system. */
    look() {
      if (looks++ % 16 === 0) most = Math.max(most, process.memoryUsage.rss())
    },
    more: () => most - before,
  }
}

/** Reads a socket or message in small sips, with pauses. */
export async function sip(stream: AsyncIterable<Buffer>, seen: (chunk: Buffer) => void): Promise<void> {
  let count = 0
  for await (const chunk of stream) {
    seen(chunk)
    count++
    if (count % 32 === 0) await new Promise((go) => setTimeout(go, 2))
  }
}
