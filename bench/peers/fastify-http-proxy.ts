/** @fastify/http-proxy: what a Node team writes first. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Peer } from '../peer.ts'

const { version }: { version: string } = createRequire(import.meta.url)('@fastify/http-proxy/package.json')

export const peer: Peer = {
  name: 'fastify-http-proxy',
  version: () => `${version} on Node ${process.versions.node}`,
  setup: (job) =>
    job.work !== 'proxy'
      ? undefined
      : {
          command: process.execPath,
          args: [
            join(import.meta.dirname, '../node-peers/fastify-http-proxy.ts'),
            ...[job.port, job.adminPort, job.originPort].map(String),
          ],
          files: {},
          readyPath: '/',
        },
}
