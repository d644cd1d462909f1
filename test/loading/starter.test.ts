import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Readers } from '../../src/loading/readers.ts'
import { runSluice } from '../support/child.ts'
import { startGateway } from '../support/gateway.ts'
import { manyRoutes, small } from '../support/large-file.ts'
import { commandOf, readers, starters } from '../support/readers.ts'

const many = manyRoutes()
/** Code that all processes of Node run first. */
const everyProcess = (code: string) => ({ NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}` })
const listeners = 'listen: http://127.0.0.1:0\nadmin: http://127.0.0.1:0\n'

test.runIf(process.platform === 'linux')(
  'one process starts all readers, and another where that one is killed',
  async () => {
    await using gateway = await startGateway(small)
    await gateway.reload(`${small}${many}`)
    const first = starters()
    expect(first).toHaveLength(1)
    // What is sent to the gateway's whole group.
    for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2']) process.kill(first[0]!, signal)
    expect(await gateway.reload(`${small}${manyRoutes('new')}`)).toMatchObject({ changed: true })
    expect(starters()).toEqual(first)

    process.kill(first[0]!, 'SIGKILL')
    await expect.poll(() => existsSync(`/proc/${first[0]}`)).toBe(false)
    expect(await gateway.reload(`${small}${many}`)).toMatchObject({ changed: true })
    const reloading = gateway.reload(`${small}${manyRoutes('new')}`)
    await expect.poll(() => readers(), { interval: 1 }).toHaveLength(1)
    const [reader] = readers()
    process.kill(starters()[0]!, 'SIGKILL')

    const message = 'the process that reads the file has ended: the process that starts it has ended'
    expect(await reloading).toMatchObject({ ok: false, diagnostics: [{ code: 'worker-ended', message }] })
    await expect.poll(() => commandOf(reader!)).toBe('')
    expect(await (await gateway.fetch('/r7/1')).text()).toBe('7')
  },
)

test.runIf(process.platform === 'linux')('a stop is not held up where what starts readers stands still', async () => {
  await using gateway = await startGateway(`${small}${many}`)
  const [starter] = starters()
  process.kill(starter!, 'SIGSTOP')

  await gateway.gateway.stop(true)

  expect(existsSync(`/proc/${starter}`)).toBe(false)
})

test('a start that a large file fails says why, though nothing else is waited for', async () => {
  await using sluice = await runSluice(`${listeners}${small}${many}typo: 1\n`)

  expect(await sluice.ended()).toBe(1)
  expect(sluice.output.stderr).toMatch(/error +unknown-key/)
})

test('a start whose reader cannot be started reads the file itself, and ends', async () => {
  const env = everyProcess(`if (process.argv[1]?.endsWith('starter.js')) process.execPath = '/nowhere/node'`)
  await using sluice = await runSluice(`${listeners}${small}${many}typo: 1\n`, { env })

  expect(await sluice.ended()).toBe(1)
  expect(sluice.output.stderr).toMatch(/error +unknown-key/)
})

test('what an environment has every process tell its parent is not taken for an answer', async () => {
  const env = everyProcess(`process.send?.('ready'); process.send?.({ told: {} })`)
  await using sluice = await runSluice(`${listeners}threads: 1\n${small}${many}`, { env })
  await sluice.serving()

  for (const generation of [2, 3]) {
    await writeFile(sluice.file, `${listeners}threads: 1\n${small}${manyRoutes(`${generation}`)}`)
    const answer = await fetch(`${sluice.adminUrl}/api/reload`, { method: 'POST' })
    // Where it takes longer to ask, the file has been seen to change before.
    expect(await answer.json()).toMatchObject({ generation })
  }
})

test.runIf(process.platform === 'linux')(
  'a check ends in its time, though what starts readers stands still',
  async () => {
    await using gateway = await startGateway(small)
    const file = join(gateway.folder, 'gateway.yaml')
    await writeFile(file, `${listeners}${small}${many}`)
    const checked = new Readers().check(
      { file, options: {}, served: null },
      { digests: new Map(), config: null, mostMs: 300 },
    )
    const [starter] = starters()
    process.kill(starter!, 'SIGSTOP')

    await expect(checked).rejects.toThrow('it came to no end in 0.3 s')
    expect(existsSync(`/proc/${starter}`)).toBe(false)
  },
)
