/**
 * How a gateway that starts with `--takeover` has the one before it leave: a socket in a folder that only their user can enter,
 * named by the admin address that both have.
 */
import { chmod, lstat, mkdir, readFile, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Gateway } from '../gateway.ts'

export interface TakeoverPlace {
  readonly env: NodeJS.ProcessEnv
  /** Of the admin listener, as configured. */
  readonly host: string
  readonly port: number
}

const ASK = 'leave\n'
const ANSWER = 'leaving\n'
/** The one that serves answers before it drains: it is there, or it hangs. */
const PATIENCE_MS = 5000

/** The folder is somebody else's: whoever could put a socket there could answer for a gateway. */
export class UnsafeFolderError extends Error {}

/** Has the gateway at this place leave, and resolves when it has begun to. False: nobody is there. */
export async function askToLeave(place: TakeoverPlace): Promise<boolean> {
  const path = await socketPath(place)
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let answer = ''
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('the gateway before this one does not answer')))
    socket.on('connect', () => socket.write(ASK))
    socket.on('data', (chunk) => {
      answer += chunk
      if (answer !== ANSWER) return
      resolve(true)
      socket.destroy()
    })
    socket.on('close', () => reject(new Error('the gateway before this one broke off')))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(false)
      else reject(error)
    })
  })
}

/** Whether a gateway listens at this place; it is not told anything. */
export async function isServed(place: TakeoverPlace): Promise<boolean> {
  const path = await socketPath(place)
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      resolve(true)
      socket.destroy()
    })
    socket.on('error', () => resolve(false))
  })
}

/** Where a later gateway asks this one to leave. `leave` is called once; whoever asked hears of it at once. */
export class TakeoverDoor {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(place: TakeoverPlace, leave: () => void): Promise<TakeoverDoor> {
    const path = await socketPath(place)
    // Left behind by one that was killed: nobody listens where this one could bind its addresses.
    await rm(path, { force: true })
    const server = createServer((socket) => {
      let asked = ''
      socket.on('error', () => socket.destroy())
      socket.setTimeout(PATIENCE_MS, () => socket.destroy())
      socket.on('data', (chunk) => {
        asked += chunk
        if (asked !== ASK) return
        // Its path is the next one's from now on.
        server.close()
        socket.end(ANSWER, leave)
      })
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    await chmod(path, 0o600)
    server.unref()
    return new TakeoverDoor(server)
  }

  close(): void {
    this.#server.close()
  }
}

async function socketPath({ env, host, port }: TakeoverPlace): Promise<string> {
  const user = process.getuid?.() ?? 0
  const folder = join(env['XDG_RUNTIME_DIR'] ?? tmpdir(), `sluice-${user}`)
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const { uid, mode } = await lstat(folder).then((stat) => (stat.isDirectory() ? stat : { uid: -1, mode: 0 }))
  if (uid !== user || (mode & 0o077) !== 0)
    throw new UnsafeFolderError(`${folder} must be a folder of yours alone (0700)`)
  return join(folder, `${host.replaceAll(':', '_')}-${port}.sock`)
}

const MIGRATION = '/proc/sys/net/ipv4/tcp_migrate_req'

/**
 * What to say where the kernel resets the connections that wait on the listener of the one before, instead of giving them to
 * this one; null where it gives them over, or knows nothing of it (before Linux 5.14).
 */
export async function migrationHint(): Promise<string | null> {
  const setting = await readFile(MIGRATION, 'latin1').catch(() => null)
  if (setting?.trim() !== '0') return null
  return (
    'A connection that is being made in the very moment of the takeover may be reset: ' +
    '`sysctl -w net.ipv4.tcp_migrate_req=1` has the kernel hand it over.\n'
  )
}

/** The place of a running gateway; null where its admin port is a new one each time, which nobody could know. */
export function placeOf({ admin }: Gateway['current'], env: NodeJS.ProcessEnv): TakeoverPlace | null {
  return admin.port === 0 ? null : { env, host: admin.host, port: admin.port }
}
