import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { sluice } from '../support/command-line.ts'

const start = (entry: string, ...args: string[]) => spawnSync(process.execPath, [entry, ...args], { encoding: 'utf8' })
const here = { cwd: process.cwd(), env: process.env }

test.for(['bin/sluice.js', 'src/main.ts'])('%s lists the commands', (entry) => {
  const { status, stdout } = start(entry, 'help')

  expect(status).toBe(0)
  expect(stdout).toMatch(/\n {2}run +\S.*\n {2}check +\S/)
})

test('a config with a mistake ends with 1, and says where', () => {
  const { status, stdout } = start('bin/sluice.js', 'check', '--config', 'test/config/fixtures/secret.txt')

  expect(status).toBe(1)
  expect(stdout).toMatch(/secret\.txt:1:1/)
})

test.for(['--help', '-h', 'help --help'])('sluice %s lists the commands', async (words) => {
  const { exitCode, output } = await sluice(`sluice ${words}`, here)

  expect(exitCode).toBe(0)
  expect(output).toMatch(/^Sluice, .*[\s\S]*\n {2}check +\S/)
})

test('says which version it is', () => {
  const { status, stdout } = start('src/main.ts', '--version')

  expect(status).toBe(0)
  expect(stdout).toMatch(/^sluice \d+\.\d+\.\d+ on Node v\d+/)
})

test('a command with --help says how it is called instead of running', () => {
  const { status, stdout } = start('src/main.ts', 'run', '--config', 'none.yaml', '--help')

  expect(status).toBe(0)
  expect(stdout).toMatch(/^NAME\n {2}sluice run - /)
})

test('an unknown command is a usage error', () => {
  const { status, stderr } = start('src/main.ts', 'serve')

  expect(status).toBe(2)
  expect(stderr).toMatch(/^sluice has no command "serve"\.\n/)
})

test('a reader that has read enough breaks nothing, and an output that takes nothing is a failure in one line', () => {
  const script = 'set -o pipefail; "$0" src/main.ts schema | head -1; echo $?; "$0" src/main.ts schema > /dev/full'
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath], { encoding: 'utf8' })

  expect([stdout, status]).toEqual(['{\n0\n', 1])
  expect(stderr).toMatch(/^cannot write the output: ENOSPC: .*\n$/)
})
