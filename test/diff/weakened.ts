/** What `sluice diff` marks between two configs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runDiff } from '../../src/commands/diff.ts'
import type { Diff } from '../../src/diff/diff.ts'
import { shownBy } from '../support/shown.ts'

/** Each kind of weakening once. Throws what is wrong with a config that does not load. */
export async function weakenedBetween(before: string, after: string): Promise<string[]> {
  const { weakened } = await diffBetween(before, after)
  return Object.entries(weakened).flatMap(([kind, count]) => (count > 0 ? [kind] : []))
}

export async function diffBetween(before: string, after: string): Promise<Diff> {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-diff-'))
  try {
    writeFileSync(join(cwd, 'old.yaml'), before)
    writeFileSync(join(cwd, 'new.yaml'), after)
    const { stdout, stderr } = await shownBy(runDiff, ['old.yaml', 'new.yaml', '--json'], { cwd })
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout)
  } finally {
    rmSync(cwd, { recursive: true })
  }
}
