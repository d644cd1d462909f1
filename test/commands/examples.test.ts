import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from '../../src/commands/commands.ts'
import { sluice } from '../support/command-line.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const closed = `threads: 1
listen: http://127.0.0.1:0
admin: http://127.0.0.1:0
consumers: { shop: { keys: ["sha256:${'0'.repeat(64)}"] } }
routes:
  orders: { match: /orders/*, upstream: "builtin://echo", plugins: [api-key] }
`
const open = closed.replace('plugins: [api-key]', 'public: an example')
const record = {
  time: '2027-01-01T00:00:00Z',
  listener: 'listen[0]',
  client: '192.0.2.1',
  method: 'GET',
  host: 'localhost',
  path: '/orders/1',
  query: '',
  route: 'orders',
  code: 'credentials-missing',
  source: 'gateway',
  consumer: null,
  decisions: [],
}

/** Files that the examples name. */
const files: Readonly<Record<string, string>> = {
  'gateway.yaml': closed,
  'new.yaml': open,
  'broken.yaml': open.replace('match', 'mach'),
  'access.log': `${JSON.stringify(record)}\n`,
  'kong.yml': '_format_version: "3.0"\nservices: [{ name: a, url: "http://10.0.0.1:80", routes: [{ paths: [/a] }] }]\n',
  'openapi.yaml':
    'openapi: 3.0.0\ninfo: { title: a, version: "1" }\nservers: [{ url: "http://10.0.0.1" }]\npaths: { /a: { get: { responses: {} } } }\n',
}

let redis: TestRedis
let folder: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  redis = await startRedis()
  folder = await mkdtemp(join(tmpdir(), 'sluice-examples-'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  await mkdir(join(folder, '.bin'))
  await writeFile(
    join(folder, '.bin/sluice'),
    `#!/bin/sh\nexec "${process.execPath}" "${resolve('bin/sluice.js')}" "$@"\n`,
  )
  await chmod(join(folder, '.bin/sluice'), 0o755)
  env = { ...process.env, PATH: `${join(folder, '.bin')}:${process.env['PATH']}`, REDIS_URL: redis.url }
})

afterAll(async () => {
  await redis[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

describe('every example of the manual ends as it says', () => {
  const manuals = [...commands.values()].map(({ manual }) => manual)

  test.for(manuals.filter(({ name }) => name !== 'run'))('of $name', async ({ examples }) => {
    expect(examples.length).toBeGreaterThan(0)
    // In their order: one revokes the key that another has made.
    for (const { command, exit = 0 } of examples) {
      const { exitCode } = await sluice(command, { cwd: folder, env })
      expect(exitCode, command).toBe(exit)
    }
  })

  test.for(manuals.find(({ name }) => name === 'run')!.examples)('$command', async ({ command, exit = 0 }) => {
    const child = spawn('sh', ['-c', `exec ${command}`], { cwd: folder, env })
    const ended = once(child, 'exit')
    await once(child.stdout, 'data')
    child.kill('SIGINT')

    expect((await ended)[0]).toBe(exit)
  })
})
