/** A whole gateway in this process, on free ports, from the text of its gateway.yaml. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Gateway, type GatewayOptions } from '../../src/gateway.ts'

export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway
  /** Of the first listener: `http://127.0.0.1:port`. */
  readonly url: string
  readonly port: number
  readonly adminUrl: string
  /** The folder of the config, for files it names. */
  readonly folder: string
  /** Lines of the gateway's own log, as objects. */
  readonly log: Record<string, unknown>[]
  /** Sends a request; the path is normalised by fetch, so use `wire` for paths that must arrive as written. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Writes a new config and reloads it. */
  reload(yaml: string): ReturnType<Gateway['reload']>
  metrics(): Promise<string>
}

export interface TestGatewayOptions extends Pick<GatewayOptions, 'env' | 'threadBounds' | 'watch'> {
  /** 1 unless said otherwise: what is no matter of threads is tested in one. */
  readonly threads?: number | 'as the file says'
  /** Files to put beside the config, by relative path. */
  readonly files?: Readonly<Record<string, string>>
  /** Called between reading the file and serving it. */
  readonly whileStarting?: (file: string) => Promise<void>
}

/** Starts a gateway. `listen` and `admin` on free ports are put in front unless the text has its own. */
export async function startGateway(yaml: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { whileStarting } = options
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  const file = join(folder, 'gateway.yaml')
  const log: Record<string, unknown>[] = []
  for (const [name, text] of Object.entries(options.files ?? {})) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  await writeFile(file, complete(yaml))
  const gateway = await Gateway.start(file, {
    env: options.env ?? {},
    ...(options.threadBounds === undefined ? {} : { threadBounds: options.threadBounds }),
    watch: options.watch ?? false,
    ...(whileStarting && { beside: () => whileStarting(file).then(() => false) }),
    ...(options.threads === 'as the file says' ? {} : { threads: options.threads ?? 1 }),
    log: { level: 'debug', destination: { write: (line) => void log.push(JSON.parse(line)) } },
  })
  const listener = gateway.addresses.values().next().value!
  const url = `${listener.protocol}://127.0.0.1:${listener.port}`
  const adminUrl = `http://127.0.0.1:${gateway.adminAddress.port}`
  return {
    gateway,
    url,
    port: listener.port,
    adminUrl,
    folder,
    log,
    fetch: (path, init) => fetch(url + path, { redirect: 'manual', ...init }),
    async reload(text) {
      await writeFile(file, complete(text))
      return gateway.reload()
    },
    async metrics() {
      return (await fetch(`${adminUrl}/metrics`)).text()
    },
    async [Symbol.asyncDispose]() {
      await gateway.stop(true)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function complete(yaml: string): string {
  const listen = /^listen:/m.test(yaml) ? '' : 'listen: http://127.0.0.1:0\n'
  const admin = /^admin:/m.test(yaml) ? '' : 'admin: http://127.0.0.1:0\n'
  const shutdown = /^shutdown:/m.test(yaml) ? '' : 'shutdown: { delay: 0ms, deadline: 1s }\n'
  return listen + admin + shutdown + yaml
}
