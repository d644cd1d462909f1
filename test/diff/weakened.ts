/** What `sluice diff` marks between two configs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runDiff } from '../../src/commands/diff.ts'
import type { Diff } from '../../src/diff/diff.ts'

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
    const shown = { stdout: '', stderr: '' }
    const io = {
      stdout: (text: string) => {
        shown.stdout += text
      },
      stderr: (text: string) => {
        shown.stderr += text
      },
      cwd,
      env: {},
    }
    await runDiff(['old.yaml', 'new.yaml', '--json'], io)
    if (shown.stdout === '') throw new Error(shown.stderr)
    return JSON.parse(shown.stdout)
  } finally {
    rmSync(cwd, { recursive: true })
  }
}
