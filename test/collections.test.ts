import { execFile } from 'node:child_process'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const start = (gently: boolean) => `
import { collectAfter, collectingGently } from ${JSON.stringify(new URL('../src/collections.ts', import.meta.url).href)}
import { Pace } from ${JSON.stringify(new URL('../src/pace.ts', import.meta.url).href)}
using _gently = ${gently ? 'collectingGently()' : 'undefined'}
// V8 looks at its flags when it has collected.
for (let i = 0; i < 400_000; i++) globalThis.last = { i, list: [i] }
const keep = (globalThis.keep = [])
`

/** Makes objects that stay, in pieces. */
const work = `
const pace = new Pace()
for (let i = 0; i < 300_000; i++) {
  keep.push({ i, list: [i] })
  if (pace.isOver) await pace.rest()
}
`

/** A third of a page stays. */
const sparse = `
gc()
for (let i = 0; i < 60_000; i++) {
  globalThis.last = { i, list: [i] }
  if (i % 3 === 0) keep.push(globalThis.last)
}
gc()
`

/** What V8 tells of its collections. */
async function told(program: string, ...flags: string[]): Promise<string> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'sluice-pace-'))
  const file = join(folder.path, 'program.mjs')
  await writeFile(file, program)
  // Else V8 may put all that it has seen stay among the old ones at once.
  const all = ['--min-semi-space-size=16', '--no-allocation-site-pretenuring', ...flags, file]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, all)
  // V8 names flags that it does not know there.
  expect(stderr).toBe('')
  return stdout
}

test('young objects are collected more often, and so fewer at a time, while they are collected gently', async () => {
  const times = async (gently: boolean) =>
    (await told(start(gently) + work, '--trace-gc-nvp')).match(/"gc":"s"/g)!.length

  expect(await times(true)).toBeGreaterThan(2 * (await times(false)))
})

test('pages of which a third stays change hands in a full collection while it is gentle, and are copied else', async () => {
  const moved = async (gently: boolean) =>
    (await told(start(gently) + sparse, '--expose-gc', '--trace-page-promotions')).match(/collector=mc, move: 1/g) ?? []

  expect(await moved(false)).toHaveLength(0)
  expect((await moved(true)).length).toBeGreaterThan(3)
})

test('garbage that a config with many routes has left is collected in pieces, though nobody needs the memory', async () => {
  const program = `${start(false)}${work}
const seen = new WeakRef(keep[0])
keep.length = 0
console.log('BEGIN')
collectAfter(10_000)
while (seen.deref() !== undefined) await new Promise((resolve) => setTimeout(resolve, 100))
`
  const [, output] = (await told(program, '--trace-gc')).split('BEGIN')

  expect(output).toMatch(/Incremental Mark-Compact/)
})
