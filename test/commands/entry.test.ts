import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const sluice = (entry: string, ...args: string[]) => spawnSync(process.execPath, [entry, ...args], { encoding: 'utf8' })

test.for(['bin/sluice.js', 'src/main.ts'])('%s lists the commands', (entry) => {
  const { status, stdout } = sluice(entry, 'help')

  expect(status).toBe(0)
  expect(stdout).toMatch(/sluice run .*\n.*sluice check /)
})

test('an unknown command is a usage error', () => {
  const { status, stderr } = sluice('src/main.ts', 'serve')

  expect(status).toBe(2)
  expect(stderr).toMatch(/^sluice has no command "serve"\.\n/)
})
