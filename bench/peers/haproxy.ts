/** HAProxy with one thread, in the foreground: the second reference. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Job, Peer, Work } from '../peer.ts'

export const peer: Peer = {
  name: 'haproxy',
  version: () => /version (\S+)/.exec(execFileSync('haproxy', ['-v'], { encoding: 'utf8' }))?.[1] ?? 'unknown',
  setup: (job) => ({
    command: 'haproxy',
    args: ['-db', '-f', join(job.folder, 'haproxy.cfg')],
    files: { 'haproxy.cfg': config(job), 'keys.map': `${job.apiKey} bench\n` },
    readyPath: '/status',
  }),
}

function config(job: Job): string {
  return `global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${job.work === 'cache' ? cache : ''}
frontend public
  bind 127.0.0.1:${job.port}
${perRequest[job.work](job)}
  default_backend origin
backend origin
  http-reuse always
  server origin 127.0.0.1:${job.originPort}
frontend admin
  bind 127.0.0.1:${job.adminPort}
  stats enable
  stats uri /status
`
}

const cache = `cache answers
  total-max-size 64
  max-object-size 1048576
  max-age 3600`

const perRequest: Record<Work, (job: Job) => string> = {
  proxy: () => '',
  chain: (job) => `  stick-table type string len 64 size 100k expire 1m store http_req_rate(1m)
  http-request set-var(txn.consumer) req.hdr(x-api-key),map(${join(job.folder, 'keys.map')})
  http-request deny deny_status 401 unless { var(txn.consumer) -m found }
  http-request track-sc0 var(txn.consumer)
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 100000000 }
  http-request set-header X-Consumer %[var(txn.consumer)]`,
  cache: () => `  http-request cache-use answers
  http-response cache-store answers`,
}
