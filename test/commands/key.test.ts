import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { checksum, newKey, runKey } from '../../src/commands/key.ts'
import { shownBy } from '../support/shown.ts'

function run(...args: string[]) {
  return shownBy(runKey, args)
}

test('a new key has 256 random bits, its name and a checksum, and comes with its hash', () => {
  const { key, hash } = newKey('mobile-app')

  const [, body, random, check] = /^(slk_mobile-app_([A-Za-z0-9_-]{43}))_([0-9a-f]{8})$/.exec(key) ?? []
  expect(Buffer.from(random!, 'base64url')).toHaveLength(32)
  expect(check).toBe(checksum(body!))
  expect(hash).toBe(`sha256:${createHash('sha256').update(key).digest('hex')}`)
  expect(newKey('mobile-app').key).not.toBe(key)
})

test('the key and what to paste are shown, each once', async () => {
  const { code, stdout } = await run('new', 'shop')

  expect(code).toBe(0)
  expect(stdout).toMatch(/^ {2}slk_shop_\S+$/m)
  expect(stdout).toMatch(/^ {2}shop: \{ keys: \["sha256:[0-9a-f]{64}"\] \}$/m)
})

test('--json gives name, key and hash', async () => {
  const { stdout } = await run('new', 'shop', '--json')

  expect(JSON.parse(stdout)).toEqual({
    name: 'shop',
    key: expect.stringMatching(/^slk_shop_/),
    hash: expect.stringMatching(/^sha256:/),
  })
})

test.for([
  [],
  ['new'],
  ['old', 'shop'],
  ['new', 'a b'],
  ['new', ''],
  ['new', 'a'.repeat(65)],
  ['new', 'a', 'b'],
  ['new', 'a', '--hex'],
])('key %j is a usage error and makes no key', async (args) => {
  const { code, stdout, stderr } = await run(...args)

  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/usage: sluice key new NAME/)
})
