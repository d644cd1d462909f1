/** The unit file in deploy/: what systemd says of it, and that it starts and stops what this repository holds. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const unit = readFileSync('deploy/sluice.service', 'utf8')

test('deploy/sluice.service is a unit that systemd takes', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-unit-'))
  // Verifying looks for the programs that it names: those of this machine stand in for an installation.
  const local = unit.replaceAll('/opt/sluice/node_modules/.bin/node', process.execPath)
  writeFileSync(join(folder, 'sluice.service'), local)
  const verified = spawnSync('systemd-analyze', ['verify', join(folder, 'sluice.service')], { encoding: 'utf8' })
  rmSync(folder, { recursive: true })
  if (verified.error !== undefined && process.env.CI !== 'true') context.skip('systemd-analyze is not installed')

  expect(verified.error).toBeUndefined()
  expect({ status: verified.status, said: verified.stdout + verified.stderr }).toEqual({ status: 0, said: '' })
})

test('deploy/sluice.service names files of this repository', () => {
  const named = [...unit.matchAll(/\/opt\/sluice\/(?!node_modules)(\S+)/g)].map(([, path]) => path!)

  expect(named).toContain('bin/sluice.js')
  expect(named.filter((path) => !existsSync(path))).toEqual([])
})
