import { execFile } from 'node:child_process'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** Makes objects that stay, in pieces, while V8 tells of its collections. */
const program = (early: boolean) => `
import { collectingEarly, Pace } from ${JSON.stringify(new URL('../src/pace.ts', import.meta.url).href)}
using _early = ${early ? 'collectingEarly()' : 'undefined'}
// V8 looks at the bound when it has collected.
for (let i = 0; i < 400_000; i++) globalThis.last = { i, list: [i] }
const pace = new Pace()
const keep = []
for (let i = 0; i < 300_000; i++) {
  keep.push({ i, list: [i] })
  if (pace.isOver) await pace.rest()
}
`

test('young objects are collected more often, and so fewer at a time, while they are collected early', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'sluice-pace-'))
  const times = async (early: boolean) => {
    const file = join(folder.path, 'program.mjs')
    await writeFile(file, program(early))
    // Else V8 may put all that it has seen stay among the old ones at once.
    const flags = ['--min-semi-space-size=16', '--no-allocation-site-pretenuring', '--trace-gc-nvp', file]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, flags)
    // V8 names flags that it does not know there.
    expect(stderr).toBe('')
    return stdout.match(/"gc":"s"/g)!.length
  }

  expect(await times(true)).toBeGreaterThan(2 * (await times(false)))
})
