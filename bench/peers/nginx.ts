/** nginx with one worker: the reference. Near its defaults; where a default would cost it, the better setting is used. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { apiKey } from '../credentials.ts'
import type { Job, Peer, Work } from '../peer.ts'

/** What Sluice says of itself and of the client on every request and answer. */
const headers = `proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header Via "1.1 nginx";
      add_header X-Request-Id $request_id;
      add_header Via "1.1 nginx";`

export const peer: Peer = nginxPeer('nginx', headers)

/** nginx with what it does to every request beside passing it on. */
export function nginxPeer(name: string, extra: string): Peer {
  return {
    name,
    version: () =>
      execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' })
        .replace(/^.*nginx\//s, '')
        .trim(),
    // The free nginx knows no tokens.
    setup: (job) =>
      job.work === 'jwt'
        ? undefined
        : {
            command: 'nginx',
            args: ['-p', job.folder, '-e', 'stderr', '-c', join(job.folder, 'nginx.conf')],
            files: { 'nginx.conf': config(job, job.work, extra) },
            readyPath: '/status',
          },
  }
}

function config(job: Job, work: Exclude<Work, 'jwt'>, extra: string): string {
  return nginxConfig(
    job.folder,
    `
  upstream origin {
    server 127.0.0.1:${job.originPort};
    keepalive 256;
    keepalive_requests 1000000000;
  }
  ${shared[work](job)}
  server {
    listen 127.0.0.1:${job.port};
    location / {
      ${perRequest[work]}
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      ${extra}
      # An upload is passed on as it comes, and a download never goes by way of the disk: the others cannot do that either.
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
    }
  }
  server {
    listen 127.0.0.1:${job.adminPort};
    location = /status { stub_status; }
  }`,
  )
}

const shared: Record<Exclude<Work, 'jwt'>, (job: Job) => string> = {
  proxy: () => '',
  chain: () => `map $http_x_api_key $consumer { default ""; "${apiKey}" bench; }
  limit_req_zone $consumer zone=consumers:1m rate=1000000r/s;`,
  cache: (job) => `proxy_cache_path ${join(job.folder, 'cache')} keys_zone=answers:1m max_size=64m use_temp_path=off;
  open_file_cache max=1000;`,
}

const perRequest: Record<Exclude<Work, 'jwt'>, string> = {
  proxy: '',
  chain: `if ($consumer = "") { return 401; }
      limit_req zone=consumers burst=1000000 nodelay;
      proxy_set_header X-Consumer $consumer;`,
  cache: `proxy_cache answers;
      proxy_cache_valid 200 1h;`,
}

/** Wraps the http block's content in what any nginx needs to run unprivileged in a folder of its own. */
export function nginxConfig(folder: string, http: string): string {
  const asRoot = process.getuid?.() === 0
  return `daemon off;
${asRoot ? 'user root;' : ''}
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr crit;
events { worker_connections 20000; }
http {
  access_log off;
  # The default of 1000 requests would make the loader connect anew all the time.
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_max_body_size 0;
  client_body_temp_path ${join(folder, 'body')};
  proxy_temp_path ${join(folder, 'proxy')};
  fastcgi_temp_path ${join(folder, 'fastcgi')};
  uwsgi_temp_path ${join(folder, 'uwsgi')};
  scgi_temp_path ${join(folder, 'scgi')};
${http}
}
`
}
