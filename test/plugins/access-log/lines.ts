/** Reads a log that a gateway under test is writing. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import type { TestGateway } from '../../support/gateway.ts'

/** The records of a log once there are so many. */
export async function lines(
  gateway: TestGateway,
  count: number,
  name = 'access.log',
): Promise<Record<string, unknown>[]> {
  return vi.waitFor(async () => {
    const text = await readFile(join(gateway.folder, name), 'utf8')
    expect(text).toMatch(/\n$/)
    const found = text.trimEnd().split('\n')
    expect(found).toHaveLength(count)
    return found.map((line) => JSON.parse(line))
  }, 60_000)
}
