/** Sluice as `npm start` runs it: no flags for the runtime, one thread like the others. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { apiKey, issuer, publicKeyPem } from '../credentials.ts'
import type { Job, Peer, Work } from '../peer.ts'

const repository = resolve(import.meta.dirname, '../..')

export const peer: Peer = sluicePeer('sluice', [])

/** Sluice with flags for Node. SLUICE_ENTRY names the main.ts of another checkout, to compare a branch. */
export function sluicePeer(name: string, nodeFlags: readonly string[], entry = entryFile()): Peer {
  return {
    name,
    version: () => {
      const manifest: { version: string } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
      return `${manifest.version} on Node ${process.versions.node}${nodeFlags.map((flag) => ` ${flag}`).join('')}`
    },
    setup: (job) => ({
      command: process.execPath,
      args: [...nodeFlags, entry, 'run', '--config', join(job.folder, 'gateway.yaml')],
      files: { 'gateway.yaml': config(job), 'public.pem': publicKeyPem },
      readyPath: '/readyz',
    }),
  }
}

export function entryFile(): string {
  return resolve(process.env['SLUICE_ENTRY'] ?? join(repository, 'bin/sluice.js'))
}

function config(job: Job): string {
  return `${sluiceHead(job)}
routes:
  bench:
    match: /*
    upstream: http://127.0.0.1:${job.originPort}
${perRoute[job.work]}
`
}

/** Everything above the routes. Nothing is drained at the end: the loader has gone by then. */
export function sluiceHead(job: Omit<Job, 'work'>): string {
  return `listen: http://127.0.0.1:${job.port}
admin: http://127.0.0.1:${job.adminPort}
threads: 1
shutdown: { delay: 0s, deadline: 1s }
consumers:
  bench: { keys: ["sha256:${createHash('sha256').update(apiKey).digest('hex')}"] }`
}

const perRoute: Record<Work, string> = {
  proxy: '    public: "benchmark"',
  chain: '    plugins: [metrics, api-key, { rate-limit: { max: 100000000, window: 1m, by: consumer } }]',
  jwt: `    plugins:
      - metrics
      - jwt: { issuer: "${issuer}", audience: bench, publicKey: "\${file:public.pem}" }
      - rate-limit: { max: 100000000, window: 1m, by: consumer }`,
  cache: `    public: "benchmark"
    plugins: [{ cache: { ttl: 1h } }]`,
}
