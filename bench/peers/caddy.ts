/** Caddy on one core. Its free build has no keys, limits, tokens or cache: it only passes requests on. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Job, Peer } from '../peer.ts'

export const peer: Peer = {
  name: 'caddy',
  version: () => execFileSync('caddy', ['version'], { encoding: 'utf8' }).trim(),
  setup: (job) =>
    job.work !== 'proxy'
      ? undefined
      : {
          command: 'caddy',
          args: ['run', '--adapter', 'caddyfile', '--config', join(job.folder, 'Caddyfile')],
          files: { Caddyfile: config(job) },
          readyPath: '/',
        },
}

/** It says X-Forwarded-* of itself. */
function config(job: Job): string {
  return `{
  admin off
  auto_https off
}
http://127.0.0.1:${job.port} {
  reverse_proxy 127.0.0.1:${job.originPort} {
    header_up X-Request-Id {http.request.uuid}
    header_up Via "1.1 caddy"
    header_down X-Request-Id {http.request.uuid}
    header_down Via "1.1 caddy"
  }
}
http://127.0.0.1:${job.adminPort} {
  respond 200
}
`
}
