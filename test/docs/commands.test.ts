import { describe, expect, test } from 'vitest'
import { pages } from './pages.ts'
import { commandsOf, openTerminal, steady } from './terminal.ts'

describe('every command in the documentation prints what stands below it', () => {
  test.for(pages.filter((page) => commandsOf(page).length > 0))('in %s', async (page) => {
    await using terminal = await openTerminal(page)

    for (const { command, output, line } of commandsOf(page)) {
      const printed = await terminal.run(command)
      expect(`${line}: ${command}\n${steady(printed)}`).toBe(`${line}: ${command}\n${steady(output)}`)
    }
  })
})
