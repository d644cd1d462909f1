/** What is measured, and what it may cost. The budget stands beside its case: changing one is a change to this file. */

import { mebibyte, smallBody, textBytes } from './origin.ts'
import type { Work } from './peer.ts'

export interface Case {
  readonly name: string
  readonly title: string
  readonly work: Work
  readonly path: string
  /** Bytes of one answer's body. */
  readonly answerBytes: number
  /** Bytes of the request's body; it is then a POST. */
  readonly uploadBytes?: number
  readonly withApiKey?: boolean
  /** What CPU is divided by: requests (µs), or 10⁹ bytes of body (ms). */
  readonly per: 'request' | 'gigabyte'
  /** Which share of the requests the origin has to see for the case to be what its name says. */
  readonly reachesOrigin: 'always' | 'never'
  /** Overrides --connections: few connections are enough for large bodies. */
  readonly connections?: number
  /** Sluice's CPU divided by nginx's, medians, at most. */
  readonly budget?: number
}

const small = { path: '/small', answerBytes: smallBody.length, per: 'request', reachesOrigin: 'always' } as const
const text = { work: 'proxy', answerBytes: textBytes, per: 'request', reachesOrigin: 'always' } as const

export const cases: readonly Case[] = [
  { ...small, name: 'proxy', title: 'Small GET passed on', work: 'proxy', budget: 2.0 },
  {
    ...small,
    name: 'chain',
    title: 'Small GET with API key, rate limit and metrics',
    work: 'chain',
    withApiKey: true,
    budget: 2.4,
  },
  {
    ...small,
    name: 'cache-hit',
    title: 'Small GET from the cache',
    work: 'cache',
    path: '/cacheable',
    reachesOrigin: 'never',
  },
  { ...text, name: 'chunked', title: 'Answer of 10 KiB in one chunk', path: '/chunked' },
  { ...text, name: 'streamed', title: 'Answer of 10 KiB in ten chunks, each sent by itself', path: '/streamed' },
  {
    name: 'download-1m',
    title: 'Download of 1 MiB',
    work: 'proxy',
    path: '/1m',
    answerBytes: mebibyte,
    per: 'gigabyte',
    reachesOrigin: 'always',
    connections: 8,
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
  },
]
