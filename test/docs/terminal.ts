/** Runs what a page shows in `console` blocks, as its reader would: a real gateway, a real shell, real curl. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isCallOfSluice, sluice } from '../support/command-line.ts'
import { callRun } from '../support/run-here.ts'
import { exampleEnv, pageFolder } from './files.ts'
import { type Block, blocksOf } from './pages.ts'

export interface Shown {
  readonly line: number
  readonly command: string
  /** As the page has it. */
  readonly output: string
}

const root = resolve('.')

/** The commands of a page's `console` blocks with the output below each. */
export function commandsOf(page: string): Shown[] {
  return blocksOf(page)
    .filter(({ language }) => language === 'console')
    .flatMap(commandsOfBlock)
}

function commandsOfBlock({ text, line }: Block): Shown[] {
  const parts = text.split(/^\$ /m).slice(1)
  return parts.map((part) => {
    const [, command = '', output = ''] = /^((?:.*\\\n)*.*)\n?([\s\S]*)$/.exec(part)!
    return { line, command: command.replaceAll(/\\\n\s*/g, ''), output }
  })
}

export interface Terminal extends AsyncDisposable {
  /** What a command prints, with ports and paths as the documentation writes them. */
  run(command: string): Promise<string>
}

/** A shell in the folder of the page's files, beside a gateway that serves the page's gateway.yaml from when something asks it. */
export async function openTerminal(page: string): Promise<Terminal> {
  const folder = await pageFolder(page)
  const config = join(folder.path, 'gateway.yaml')
  if (!existsSync(config)) await writeFile(config, await readFile('gateway.yaml'))
  const text = await readFile(config, 'utf8')
  let started: Promise<Started> | undefined
  const bin = await commandFolder(folder.path)
  const env = { ...exampleEnv, PATH: `${bin}:${process.env['PATH']}`, HOME: folder.path }
  const inFolder = (output: string) => output.replaceAll(folder.path, '/etc/sluice')
  return {
    async run(command) {
      if (isCallOfSluice(command)) return inFolder((await sluice(command, { cwd: folder.path, env })).output)
      started ??= startOnFreePorts(folder.path, text)
      const gateway = await started
      if (command === 'npm start') return gateway.documented(gateway.banner)
      const output = await shell(gateway.real(command), { cwd: folder.path, env })
      return inFolder(gateway.documented(output))
    },
    async [Symbol.asyncDispose]() {
      await (await started)?.stop()
      await folder[Symbol.asyncDispose]()
    },
  }
}

function shell(command: string, options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<string> {
  const silent = command.replaceAll(/\bcurl\b/g, 'curl -s')
  return new Promise((done) => {
    // The exit code is part of a page where it matters: `; echo $?`.
    execFile('sh', ['-c', `exec 2>&1; ${silent}`], { ...options, timeout: 60_000 }, (_, stdout) => done(stdout))
  })
}

/** `sluice` as a word on PATH. */
async function commandFolder(folder: string): Promise<string> {
  const bin = join(folder, '.bin')
  await mkdir(bin)
  await writeFile(join(bin, 'sluice'), `#!/bin/sh\nexec "${process.execPath}" "${root}/bin/sluice.js" "$@"\n`)
  await chmod(join(bin, 'sluice'), 0o755)
  return bin
}

interface Started {
  readonly banner: string
  real(text: string): string
  documented(text: string): string
  stop(): Promise<void>
}

/** `sluice run`, with the ports 8080 and 9090 of the documentation replaced by free ones. */
async function startOnFreePorts(folder: string, text: string): Promise<Started> {
  const free = text.replace('://0.0.0.0:8080', '://0.0.0.0:0').replace('://127.0.0.1:9090', '://127.0.0.1:0')
  const listen = /^listen:/m.test(free) ? '' : 'listen: http://0.0.0.0:0\n'
  const admin = /^admin:/m.test(free) ? '' : 'admin: http://127.0.0.1:0\n'
  // Beside the documented file, which `sluice check` of the page looks at as it is.
  const threads = /^threads:/m.test(free) ? '' : '\nthreads: 1\n'
  const file = join(folder, '.running.yaml')
  await writeFile(file, listen + admin + free + threads)
  const running = await callRun(['--config', file], { cwd: folder, env: exampleEnv })
  // A reader is in the folder and says the name alone.
  const banner = running.output.stdout.replaceAll(file, 'gateway.yaml')
  const port = /gateway +http:\/\/localhost:(\d+)/.exec(banner)![1]!
  const adminPort = /admin +http:\/\/127\.0\.0\.1:(\d+)/.exec(banner)![1]!
  return {
    banner,
    real: (one) => one.replaceAll('localhost:8080', `localhost:${port}`).replaceAll(':9090', `:${adminPort}`),
    documented: (one) =>
      one
        .replaceAll(`:${port}`, ':8080')
        .replaceAll(`:${adminPort}`, ':9090')
        .replaceAll('://0.0.0.0:0', '://0.0.0.0:8080')
        .replaceAll('://127.0.0.1:0', '://127.0.0.1:9090')
        .replaceAll('.running.yaml', 'gateway.yaml'),
    async stop() {
      running.signal('SIGINT')
      await running.ended()
    },
  }
}

/** The text without what differs from run to run: ids, times, lengths that depend on ports. */
export function steady(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replaceAll(/[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT/g, '<date>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/00-[0-9a-f]{32}-[0-9a-f]{16}-01/g, '<trace>')
    .replaceAll(/sluice-[0-9a-f]{8}/g, 'sluice-<name>')
    .replaceAll(/curl\/[\d.]+/g, 'curl/<version>')
    .replaceAll(/"node":"v[\d.]+"/g, '"node":"<version>"')
    .replaceAll(/sha256:[0-9a-f]{64}/g, 'sha256:<hash>')
    .replaceAll(/slk_([\w.-]+?)_[\w-]{43}_[0-9a-f]{8}/g, 'slk_$1_<key>')
    .replaceAll(
      /(content-length: |;t=|ttl=|age: |timeout=|"uptime":|"(?:duration|upstream|overhead)Ms":)[\d.]+/gi,
      '$1<n>',
    )
    .replaceAll('\r\n', '\n')
    .trim()
}
