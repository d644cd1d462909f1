/** What is measured, and what it may cost. The budget stands beside its case: changing one is a change to this file. */

import { apiKey, token } from './credentials.ts'
import { mebibyte, smallBody, textBytes } from './origin.ts'
import type { Work } from './peer.ts'

export interface Budget {
  readonly peer: 'nginx' | 'haproxy'
  readonly limit: number
}

export interface Case {
  readonly name: string
  readonly title: string
  readonly work: Work
  readonly path: string
  /** Bytes of one answer's body. */
  readonly answerBytes: number
  /** Bytes of the request's body; it is then a POST. */
  readonly uploadBytes?: number
  /** What the loader sends along; without it the answer has to be 401. */
  readonly credentials?: Readonly<Record<string, string>>
  /** What CPU is divided by: requests (µs), or 10⁹ bytes of body (ms). */
  readonly per: 'request' | 'gigabyte'
  /** Which share of the requests the origin has to see for the case to be what its name says. */
  readonly reachesOrigin: 'always' | 'never'
  /** Overrides --connections: few connections are enough for large bodies. */
  readonly connections?: number
  /** Sluice's CPU divided by that of others, medians, at most. */
  readonly budgets?: readonly Budget[]
}

const small = { path: '/small', answerBytes: smallBody.length, per: 'request', reachesOrigin: 'always' } as const
const text = { work: 'proxy', answerBytes: textBytes, per: 'request', reachesOrigin: 'always' } as const

export const cases: readonly Case[] = [
  { ...small, name: 'proxy', title: 'Small GET passed on', work: 'proxy', budgets: [nginx(1.4), haproxy(1.3)] },
  {
    ...small,
    name: 'chain',
    title: 'Small GET with API key, rate limit and metrics',
    work: 'chain',
    credentials: { 'x-api-key': apiKey },
    budgets: [haproxy(1.5)],
  },
  {
    ...small,
    name: 'jwt',
    title: 'Small GET with an ES256 token, rate limit and metrics',
    work: 'jwt',
    credentials: { authorization: `Bearer ${token}` },
    budgets: [haproxy(0.33)],
  },
  {
    ...small,
    name: 'cache-hit',
    title: 'Small GET from the cache',
    work: 'cache',
    path: '/cacheable',
    reachesOrigin: 'never',
    budgets: [nginx(1.0)],
  },
  { ...text, name: 'chunked', title: 'Answer of 10 KiB in one chunk', path: '/chunked', budgets: [haproxy(1.5)] },
  {
    ...text,
    name: 'streamed',
    title: 'Answer of 10 KiB in ten chunks, each sent by itself',
    path: '/streamed',
    budgets: [haproxy(1.5)],
  },
  {
    name: 'download-1m',
    title: 'Download of 1 MiB',
    work: 'proxy',
    path: '/1m',
    answerBytes: mebibyte,
    per: 'gigabyte',
    reachesOrigin: 'always',
    connections: 8,
    budgets: [haproxy(0.6)],
  },
  {
    name: 'download-100m',
    title: 'Download of 100 MiB',
    work: 'proxy',
    path: '/100m',
    answerBytes: 100 * mebibyte,
    per: 'gigabyte',
    reachesOrigin: 'always',
    connections: 4,
    budgets: [haproxy(0.6)],
  },
  {
    name: 'upload-1m',
    title: 'Upload of 1 MiB',
    work: 'proxy',
    path: '/upload',
    answerBytes: smallBody.length,
    uploadBytes: mebibyte,
    per: 'gigabyte',
    reachesOrigin: 'always',
    connections: 8,
    budgets: [haproxy(1.5)],
  },
]

function nginx(limit: number): Budget {
  return { peer: 'nginx', limit }
}

function haproxy(limit: number): Budget {
  return { peer: 'haproxy', limit }
}
