/** `sluice run`: serves until it is told to stop. SIGHUP or a changed file reloads; SIGTERM drains. */
import { parseArgs } from 'node:util'
import { renderDiagnostics } from '../config/diagnostic.ts'
import { Gateway } from '../gateway.ts'
import { ConfigError } from '../gateway-errors.ts'
import { banner } from './banner.ts'
import type { CommandIo } from './command.ts'

export async function runRun(args: readonly string[], io: CommandIo): Promise<number> {
  const file = configFile(args, io)
  if (file === null) return 2
  let gateway: Gateway
  try {
    gateway = await Gateway.start(file, { env: io.env, watch: true })
  } catch (error) {
    io.stderr(startFailure(error))
    return 1
  }
  // Before anybody is told that it serves: a signal that nobody listens for ends the process.
  const stopped = untilStopped(gateway, io)
  io.stdout(banner(gateway, file))
  await stopped
  return 0
}

function configFile(args: readonly string[], io: CommandIo): string | null {
  try {
    const { values } = parseArgs({ args: [...args], options: { config: { type: 'string', default: 'gateway.yaml' } } })
    return values.config
  } catch (error) {
    io.stderr(`${(error as Error).message}\nusage: sluice run [--config FILE]\n`)
    return null
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
