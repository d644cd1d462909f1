import { describe, expect, test } from 'vitest'
import { commands } from '../../src/commands/commands.ts'
import { runHelp } from '../../src/commands/help.ts'
import { PluginCatalog } from '../../src/config/plugin-catalog.ts'

async function help(...args: string[]) {
  const shown = { stdout: '', stderr: '' }
  const io = {
    stdout: (text: string) => {
      shown.stdout += text
    },
    stderr: (text: string) => {
      shown.stderr += text
    },
    cwd: '/',
    env: {},
  }
  return { code: await runHelp(args, io), ...shown }
}

describe('help', () => {
  test.for([...commands].filter(([name]) => !name.startsWith('-')))(
    'says how %s is called',
    async ([name, { synopsis }]) => {
      const { code, stdout } = await help(name)

      expect(code).toBe(0)
      expect(stdout).toContain(`usage: sluice ${synopsis}\n`)
    },
  )

  test.for([...new PluginCatalog().builtIns])('knows every option of %s', async (name) => {
    const schemas = await new PluginCatalog().builtInSchemas()
    const schema = schemas.find((one) => one.name === name)!.schema

    const { stdout } = await help('plugin', name)

    for (const option of Object.keys(schema['properties'] ?? {})) expect(stdout).toContain(`\n  ${option}`)
  })

  test('says what was meant by a name that nothing has', async () => {
    expect(await help('plugin', 'rate-limt')).toMatchObject({
      code: 2,
      stderr: 'there is no plugin "rate-limt" in the box; did you mean "rate-limit"?\n',
    })
    expect(await help('chekc')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('sluice has no command "chekc"; did you mean "check"?\n'),
    })
  })
})
