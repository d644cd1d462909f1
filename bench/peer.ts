/** What a gateway under measurement is: text for its config and a command line. One file in peers/ each, found by name. */
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.ts'
import { gatewayCore } from './cores.ts'
import { processTree } from './cpu.ts'

/** What the gateway does with a request, apart from passing it on. */
export type Work = 'proxy' | 'chain' | 'jwt' | 'cache'

/** Everything a peer needs to know to write its config. All ports are on 127.0.0.1. */
export interface Job {
  readonly work: Work
  readonly folder: string
  readonly port: number
  /** For whatever the peer tells about itself; `readyPath` is asked there. */
  readonly adminPort: number
  readonly originPort: number
}

export interface Setup {
  readonly command: string
  readonly args: readonly string[]
  /** Written to the job's folder before the start, by file name. */
  readonly files: Readonly<Record<string, string>>
  /** Answers 200 on the admin port as soon as the peer serves. */
  readonly readyPath: string
}

export interface Peer {
  readonly name: string
  version(): string
  /** Undefined when the peer has nothing that corresponds to the work. */
  setup(job: Job): Setup | undefined
}

export interface RunningPeer extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly adminPort: number
  readonly folder: string
  readonly child: Child
  /** Every process whose CPU and memory are the peer's. */
  pids(): number[]
}

const readyWithinMs = 15_000

export async function loadPeer(name: string): Promise<Peer> {
  if (name.startsWith('sluice@')) return (await import('./checkout.ts')).peerOfCommit(name)
  if (!/^[a-z0-9-]+$/.test(name)) throw new Error(`"${name}" is not a peer's name.`)
  const module: { peer?: Peer } = await import(`./peers/${name}.ts`).catch((cause) => {
    throw new Error(`There is no peer "${name}" in bench/peers.`, { cause })
  })
  if (module.peer === undefined) throw new Error(`bench/peers/${name}.ts exports no peer.`)
  return module.peer
}

/** Starts a peer on the gateway's core and returns once it says that it serves; undefined when it cannot do the work. */
export async function startPeer(
  peer: Peer,
  place: { folder: string; work: Work; originPort: number },
  cores: number | string = gatewayCore,
): Promise<RunningPeer | undefined> {
  const folder = join(place.folder, `${peer.name.replaceAll(/[^\w-]/g, '_')}-${place.work}`)
  const [port, adminPort] = [await freePort(), await freePort()]
  const setup = peer.setup({ ...place, folder, port, adminPort })
  if (setup === undefined) return undefined
  await mkdir(folder, { recursive: true })
  for (const [name, text] of Object.entries(setup.files)) await writeFile(join(folder, name), text)

  const child = new Child(cores, setup.command, setup.args, folder)
  try {
    await untilReady(child, `http://127.0.0.1:${adminPort}${setup.readyPath}`)
  } catch (error) {
    await child.stop()
    throw error
  }
  return {
    name: peer.name,
    pid: child.pid,
    port,
    adminPort,
    folder,
    child,
    pids: () => processTree(child.pid),
    [Symbol.asyncDispose]: () => child.stop(),
  }
}

/** Polls until the address answers 200; a program that ended instead is an error with its last words. */
export async function untilReady(child: Child, url: string): Promise<void> {
  const deadline = Date.now() + readyWithinMs
  while (Date.now() < deadline) {
    if (child.gone) throw new Error(`ended before it was ready: ${child.output || 'it said nothing'}`)
    const status = await fetch(url, { signal: AbortSignal.timeout(1000), headers: { connection: 'close' } }).then(
      async (response) => {
        await response.body?.cancel()
        return response.status
      },
      () => 0,
    )
    if (status === 200) return
    await sleep(50)
  }
  throw new Error(`was not ready after ${readyWithinMs / 1000} s: ${child.output || 'it said nothing'}`)
}

/** Asks the kernel for a port nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('The kernel gave no port.')
  return address.port
}
