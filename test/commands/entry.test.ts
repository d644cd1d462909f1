import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const sluice = (entry: string, ...args: string[]) => spawnSync(process.execPath, [entry, ...args], { encoding: 'utf8' })

test.for(['bin/sluice.js', 'src/main.ts'])('%s lists the commands', (entry) => {
  const { status, stdout } = sluice(entry, 'help')

  expect(status).toBe(0)
  expect(stdout).toMatch(/\n {2}run +\S.*\n {2}check +\S/)
})

test.for([['--help'], ['-h'], ['help', '--help']])('sluice %s lists the commands', (args) => {
  expect(sluice('src/main.ts', ...args).stdout).toMatch(/^Sluice, .*[\s\S]*\n {2}check +\S/)
})

test('a command with --help says how it is called instead of running', () => {
  const { status, stdout } = sluice('src/main.ts', 'run', '--config', 'none.yaml', '--help')

  expect(status).toBe(0)
  expect(stdout).toMatch(/^NAME\n {2}sluice run - /)
})

test('an unknown command is a usage error', () => {
  const { status, stderr } = sluice('src/main.ts', 'serve')

  expect(status).toBe(2)
  expect(stderr).toMatch(/^sluice has no command "serve"\.\n/)
})
