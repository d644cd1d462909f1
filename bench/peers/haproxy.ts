/** HAProxy with one thread, in the foreground: the second reference. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { apiKey, issuer, publicKeyPem } from '../credentials.ts'
import type { Job, Peer, Work } from '../peer.ts'

/** What Sluice says of itself and of the client on every request and answer. */
const headers = `  option forwardfor
  unique-id-format %[uuid()]
  unique-id-header X-Request-ID
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Via "1.1 haproxy"
  http-response set-header X-Request-ID %[unique-id]
  http-response set-header Via "1.1 haproxy"`

export const peer: Peer = haproxyPeer('haproxy', headers)

/** HAProxy with what it does to every request beside passing it on. */
export function haproxyPeer(name: string, extra: string): Peer {
  return {
    name,
    version: () => /version (\S+)/.exec(execFileSync('haproxy', ['-v'], { encoding: 'utf8' }))?.[1] ?? 'unknown',
    setup: (job) => ({
      command: 'haproxy',
      args: ['-db', '-f', join(job.folder, 'haproxy.cfg')],
      files: { 'haproxy.cfg': config(job, extra), 'keys.map': `${apiKey} bench\n`, 'public.pem': publicKeyPem },
      readyPath: '/status',
    }),
  }
}

function config(job: Job, extra: string): string {
  return `global
  maxconn 9900
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
${extra}
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
  jwt: (job) => `  stick-table type string len 64 size 100k expire 1m store http_req_rate(1m)
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.consumer) var(txn.token),jwt_payload_query('$.sub')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify(txn.alg,"${join(job.folder, 'public.pem')}") 1 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.iss') -m str ${issuer} }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request track-sc0 var(txn.consumer)
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 100000000 }
  http-request set-header X-Consumer %[var(txn.consumer)]`,
  cache: () => `  http-request cache-use answers
  http-response cache-store answers`,
}
