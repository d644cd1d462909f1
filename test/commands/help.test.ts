import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { commands } from '../../src/commands/commands.ts'
import { runHelp } from '../../src/commands/help.ts'
import { PluginCatalog } from '../../src/config/plugin-catalog.ts'
import { shownBy } from '../support/shown.ts'

function help(...args: string[]) {
  return shownBy(runHelp, args)
}

describe('help', () => {
  const manuals = [...commands.values()].map(({ manual }) => manual)

  test.for(manuals)('of $name says how it is called, every option, and every exit code', async (manual) => {
    const { code, stdout } = await help(manual.name)

    expect(code).toBe(0)
    const synopsis = stdout.slice(stdout.indexOf('SYNOPSIS'), stdout.indexOf('DESCRIPTION'))
    for (const [name, { short }] of Object.entries(manual.options)) {
      if (name !== 'prefix') expect(synopsis).toContain(short === undefined ? `--${name}` : `-${short}`)
      expect(stdout.slice(stdout.indexOf('\nOPTIONS'))).toMatch(new RegExp(`^  .*--${name}\\b`, 'm'))
    }
    for (const exit of Object.keys(manual.exits)) expect(stdout).toContain(`\n  ${exit}  `)
  })

  test.for(manuals)('of $name leads to pages that exist', ({ see }) => {
    expect(see.filter((page) => !existsSync(page))).toEqual([])
  })

  test.for(manuals)('of $name fits a terminal', async ({ name }) => {
    const { stdout } = await help(name)

    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([])
  })

  test('lists every command and every plugin with one line', async () => {
    const { stdout } = await help()

    const listed = [...stdout.matchAll(/^ {2}([\w-]+) +\S.*\.$/gm)].map((match) => match[1])
    expect(listed).toEqual([...commands.keys(), ...new PluginCatalog().builtIns])
  })

  test.for([...new PluginCatalog().builtIns])('of %s says what it does and shows an example', async (name) => {
    const { stdout } = await help('plugin', name)

    expect(stdout).toMatch(new RegExp(`^NAME\n  ${name} - [A-Z].*\\.\n`))
    expect(stdout).toMatch(new RegExp(`\nEXAMPLE\n(?:  .*\n)*.*\\b${name}\\b`))
  })

  test.for([
    ['mtls', 'have to ask for client certificates'],
    ['cache', 'has to stand below every authenticator'],
    ['acl', 'An authenticator has to stand above it'],
    ['jwt', 'a route with it needs no `public`'],
  ] as const)('of %s says where it stands in a chain', async ([name, sentence]) => {
    const { stdout } = await help('plugin', name)

    expect(stdout.slice(stdout.indexOf('IN A CHAIN')).replaceAll(/\s+/g, ' ')).toContain(sentence)
  })

  test.for([...new PluginCatalog().builtIns])('knows every option of %s', async (name) => {
    const schemas = await new PluginCatalog().builtInSchemas()
    const schema = schemas.find((one) => one.name === name)!.schema

    const { stdout } = await help('plugin', name)

    for (const option of Object.keys(schema['properties'] ?? {})) expect(stdout).toContain(`\n  ${option}`)
  })

  test('says which options ask for an authenticator above', async () => {
    const { stdout } = await help('plugin', 'concurrency')

    expect(stdout).toContain('With `by: consumer`: an authenticator has to stand above it.')
    expect(stdout).not.toContain('With `by: header:x-tenant`')
  })

  test('says what was meant by a name that nothing has', async () => {
    expect(await help('plugin', 'rate-limt')).toMatchObject({
      code: 2,
      stderr: 'there is no built-in plugin "rate-limt"; did you mean "rate-limit"?\n',
    })
    expect(await help('acl')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('it is a plugin: see `sluice help plugin acl`\n'),
    })
    expect(await help('chekc')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('sluice has no command "chekc"; did you mean "check"?\n'),
    })
  })
})
