/** The origin behind every peer: one nginx worker on the loader's core, so that it never takes time from the gateway. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Child } from './child.ts'
import { loaderCore } from './cores.ts'
import { freePort, untilReady } from './peer.ts'
import { nginxConfig } from './peers/nginx.ts'

/** 106 bytes, an answer of the size that APIs give most. */
export const smallBody =
  '{"id":"5f0c1b","name":"Blue kettle","price":{"amount":"24.90","currency":"EUR"},"stock":17,"tags":["new"]}'
export const textBytes = 10 * 1024
export const mebibyte = 1_048_576

export interface Origin extends AsyncDisposable {
  readonly port: number
  /** How many requests have reached it: tells a cache hit from a request that was passed on. */
  requests(): Promise<number>
}

export async function startOrigin(parent: string): Promise<Origin> {
  const folder = join(parent, 'origin')
  const files = join(folder, 'files')
  await mkdir(files, { recursive: true })
  await writeFile(join(files, 'text'), 'x'.repeat(textBytes))
  await writeRandom(join(files, '1m'), 1)
  await writeRandom(join(files, '100m'), 100)

  const port = await freePort()
  const statusPort = await freePort()
  const configFile = join(folder, 'nginx.conf')
  await writeFile(configFile, nginxConfig(folder, servers(folder, files, { port, statusPort })))
  const child = new Child(loaderCore, 'nginx', ['-p', folder, '-e', 'stderr', '-c', configFile], folder)
  const statusUrl = `http://127.0.0.1:${statusPort}/status`
  await untilReady(child, statusUrl)
  return {
    port,
    requests: async () => {
      const text = await (await fetch(statusUrl)).text()
      return Number(/^\s*\d+ \d+ (\d+)/m.exec(text)?.[1])
    },
    [Symbol.asyncDispose]: () => child.stop(),
  }
}

async function writeRandom(path: string, mebibytes: number): Promise<void> {
  await using file = await open(path, 'w')
  const block = randomBytes(mebibyte)
  for (let written = 0; written < mebibytes; written++) await file.write(block)
}

function servers(folder: string, files: string, ports: { port: number; statusPort: number }): string {
  return `  default_type application/json;
  sendfile on;
  upstream sink { server unix:${join(folder, 'sink')}; keepalive 16; }
  server {
    listen 127.0.0.1:${ports.port};
    root ${files};
    location = /small { return 200 '${smallBody}'; }
    location = /cacheable { add_header Cache-Control "public, max-age=3600"; return 200 '${smallBody}'; }
    location = /1m { }
    location = /100m { }
    # A filter that may change the length makes nginx send chunks; without sendfile each buffer is one, written by itself.
    location = /chunked { ssi on; ssi_types *; sendfile off; alias ${join(files, 'text')}; output_buffers 2 32k; }
    location = /streamed { ssi on; ssi_types *; sendfile off; alias ${join(files, 'text')}; output_buffers 2 1k; postpone_output 0; }
    # A plain "return" would answer before the body has come; passing the request on reads all of it first.
    location = /upload {
      client_body_buffer_size 2m;
      proxy_pass http://sink;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_pass_request_body off;
    }
  }
  server { listen unix:${join(folder, 'sink')}; location / { return 200 '${smallBody}'; } }
  server { listen 127.0.0.1:${ports.statusPort}; location = /status { stub_status; } }`
}
