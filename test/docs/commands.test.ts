import { describe, expect, test } from 'vitest'
import { pages } from './pages.ts'
import { commandsOf, openSession, steady } from './session.ts'

describe('every command in the documentation prints what stands below it', () => {
  test.for(pages.filter((page) => commandsOf(page).length > 0))('in %s', async (page) => {
    await using session = await openSession(page)

    for (const { command, output, line } of commandsOf(page)) {
      const printed = await session.run(command)
      expect(`${line}: ${command}\n${steady(printed)}`).toBe(`${line}: ${command}\n${steady(output)}`)
    }
  })
})
