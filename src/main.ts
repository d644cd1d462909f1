#!/usr/bin/env node
/** The command line: argv → command → exit code. The only file that touches the process. */
import { commands, usage } from './commands/commands.ts'

const MINIMUM_NODE = 24
const [major] = process.versions.node.split('.')
const [name = 'help', ...args] = process.argv.slice(2)
const io = {
  stdout: (text: string) => void process.stdout.write(text),
  stderr: (text: string) => void process.stderr.write(text),
  cwd: process.cwd(),
  env: process.env,
  isTerminal: process.stdout.isTTY === true,
  /** Calls back on each signal of a kind; without it the process would end at once. */
  onSignal: (signal: NodeJS.Signals, listener: () => void) => void process.on(signal, listener),
}

if (Number(major) < MINIMUM_NODE) {
  io.stderr(`sluice needs Node ${MINIMUM_NODE} or later; this is ${process.version}.\n`)
  process.exitCode = 1
} else {
  const command = commands.get(name)
  if (command === undefined) {
    io.stderr(`sluice has no command "${name}".\n\n${usage()}`)
    process.exitCode = 2
  } else {
    process.exitCode = await command.run(args, io)
  }
}
