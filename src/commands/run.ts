/** `sluice run`: serves until it is told to stop. SIGHUP or a changed file reloads; SIGTERM drains. */
import type { Config } from '../config/config.ts'
import { renderDiagnostics } from '../config/diagnostic.ts'
import { Gateway } from '../gateway.ts'
import { ConfigError } from '../gateway-errors.ts'
import { sharesAddresses } from '../listener/share.ts'
import { misuse, readArguments } from './arguments.ts'
import { banner } from './banner.ts'
import { type CommandIo, KILLED } from './command.ts'
import { runManual } from './manual/run.ts'
import { askToLeave, isServed, migrationHint, placeOf, TakeoverDoor, type TakeoverPlace } from './takeover.ts'

export async function runRun(args: readonly string[], io: CommandIo): Promise<number> {
  const read = readRunArguments(args, io)
  if (read === null) return 2
  const { file, takeover } = read
  let before: TakeoverPlace | null = null
  const beside = async (config: Config) => {
    const place = placeOf(config, io.env)
    if (takeover && place !== null && (await isServed(place))) before = place
    return before !== null
  }
  let gateway: Gateway
  try {
    gateway = await Gateway.start(file, { env: io.env, watch: true, beside, ...(io.log && { log: io.log }) })
  } catch (error) {
    io.stderr(startFailure(error))
    return 1
  }
  // Before anybody is told that it serves: a signal that nobody listens for ends the process.
  const stopped = untilStopped(gateway, io)
  if (before !== null) {
    io.stderr((await migrationHint()) ?? '')
    try {
      await askToLeave(before)
    } catch (error) {
      io.stderr(`sluice cannot take over: ${(error as Error).message}. The other one goes on.\n`)
      await gateway.stop(true)
      return 1
    }
  }
  const door = await openDoor(gateway, io)
  io.stdout(banner(gateway, file))
  await Promise.race([stopped, door.left])
  door.close()
  return gateway.isStuck() ? KILLED : 0
}

interface RunArguments {
  readonly file: string
  readonly takeover: boolean
}

function readRunArguments(args: readonly string[], io: CommandIo): RunArguments | null {
  const read = readArguments(args, runManual, io)
  if (read === null) return null
  const takeover = read.values['takeover'] === true
  if (!takeover || sharesAddresses) return { file: String(read.values['config']), takeover }
  misuse('--takeover needs Linux', runManual, io)
  return null
}

/** Where a gateway started with --takeover finds this one. `left`: it came, and this one has gone. */
async function openDoor(gateway: Gateway, io: CommandIo): Promise<{ readonly left: Promise<void>; close(): void }> {
  const place = placeOf(gateway.current, io.env)
  const never = { left: new Promise<void>(() => {}), close: () => {} }
  if (place === null || !sharesAddresses) return never
  const { promise: left, resolve, reject } = Promise.withResolvers<void>()
  try {
    const door = await TakeoverDoor.open(place, () => void gateway.leave().then(resolve, reject))
    return { left, close: () => door.close() }
  } catch (error) {
    io.stderr(`no gateway can take over from this one: ${(error as Error).message}\n`)
    return never
  }
}

function startFailure(error: unknown): string {
  if (error instanceof ConfigError) return renderDiagnostics(error.diagnostics, error.document)
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `sluice cannot start: ${message}. Is another gateway running?\n`
  throw error
}

function untilStopped(gateway: Gateway, io: CommandIo): Promise<void> {
  return new Promise((resolve) => {
    let asked = 0
    const stop = (hurry: boolean) => {
      asked++
      // Asked twice: whoever sends the signal does not want to wait.
      if (asked > 1) resolve()
      else void gateway.stop(hurry).then(resolve)
    }
    io.onSignal('SIGTERM', () => stop(false))
    io.onSignal('SIGINT', () => stop(true))
    io.onSignal('SIGHUP', () => void gateway.reload())
  })
}
