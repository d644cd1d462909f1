/** The program of the process that checks a file, without the one that starts it. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Said, Task } from '../../src/loading/messages.ts'
import { GENTLE_FLAGS } from '../../src/loading/readers.ts'
import { small } from '../support/large-file.ts'

const start = fileURLToPath(new URL('../../src/start.js', import.meta.url))
const program = new URL('../../src/loading/process.ts', import.meta.url).href

test.runIf(process.platform === 'linux')(
  'what a check took beside those who serve is given back before its process ends with it',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-process-'))
    const file = join(folder, 'sluice.yaml')
    const routes = Array.from(
      { length: 10_000 },
      (_, i) => `  r${i}: { match: /r${i}/*, upstream: "builtin://echo", public: test }\n`,
    )
    await writeFile(file, `${small}${routes.join('')}`)
    const checking = fork(start, [program], { serialization: 'advanced', execArgv: GENTLE_FLAGS })
    const question: Task['question'] = { file, options: {}, served: { hash: 'another', prints: null } }
    const task: Task = { question, digests: new Map(), token: 'this one', parent: process.pid }

    checking.send(task)
    const [{ outcome }]: [Said] = (await once(checking, 'message')) as [Said]
    const status = await readFile(`/proc/${checking.pid}/status`, 'utf8')
    checking.kill('SIGKILL')
    await rm(folder, { recursive: true })

    const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1])
    expect(outcome.answer.verdict.kind).toBe('servable')
    expect(kilobytes('VmRSS') / kilobytes('VmHWM')).toBeLessThan(0.65)
  },
)
