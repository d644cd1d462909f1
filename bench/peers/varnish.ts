/** Varnish: the reference for cache hits. Its worker has threads of its own; all stay on the one core. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Job, Peer } from '../peer.ts'

export const peer: Peer = {
  name: 'varnish',
  version: () =>
    /varnish-(\S+)/.exec(execFileSync('sh', ['-c', 'varnishd -V 2>&1'], { encoding: 'utf8' }))?.[1] ?? 'unknown',
  setup: (job) =>
    job.work !== 'proxy' && job.work !== 'cache'
      ? undefined
      : {
          command: 'varnishd',
          args: [
            '-F',
            ...['-a', `127.0.0.1:${job.port}`, '-a', `127.0.0.1:${job.adminPort}`],
            ...['-f', join(job.folder, 'default.vcl'), '-n', join(job.folder, 'state')],
            ...['-s', 'malloc,64m', '-j', 'none', '-p', 'thread_pools=1', '-p', 'thread_pool_min=80'],
          ],
          files: { 'default.vcl': config(job) },
          readyPath: '/status',
        },
}

function config(job: Job): string {
  return `vcl 4.1;
import std;
backend default { .host = "127.0.0.1"; .port = "${job.originPort}"; }
sub vcl_recv {
  if (std.port(local.ip) == ${job.adminPort}) { return (synth(200)); }
  ${job.work === 'proxy' ? 'return (pass);' : 'return (hash);'}
}
`
}
