import { readFileSync } from 'node:fs'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { renderDiagnostics } from '../../src/config/diagnostic.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { ConfigError } from '../../src/gateway-errors.ts'
import { Readers, withoutInspector } from '../../src/loading/readers.ts'
import { makeCertificate } from '../support/certificate.ts'
import { runSluice } from '../support/child.ts'
import { startGateway } from '../support/gateway.ts'
import { manyRoutes, small } from '../support/large-file.ts'
import { commandOf, readers, starters } from '../support/readers.ts'

const many = manyRoutes()

const plugin = (body: string) => `
globalThis.importedHere = (globalThis.importedHere ?? 0) + 1
export const traits = {}
export const schema = { type: 'object', additionalProperties: false, properties: {} }
export default function mine(scope) { scope.addHook('onSend', (_, reply) => reply.headers.set('x-mine', '${body}')) }
`

describe('a reload of a large file', () => {
  test('serves it, and keeps the counts of a limit that did not change', async () => {
    const limited = (more: string) =>
      `routes:\n  a: { match: /a, respond: { status: 200, body: a }, public: "test", plugins: [{ rate-limit: { max: 2, window: 1h } }] }\n${more}`
    await using gateway = await startGateway(limited(''))
    await gateway.fetch('/a')

    expect(await gateway.reload(limited(many))).toEqual({ ok: true, generation: 2, changed: true })

    expect(await (await gateway.fetch('/r299/1')).text()).toBe('299')
    expect((await gateway.fetch('/a')).status).toBe(200)
    expect((await gateway.fetch('/a')).status).toBe(429)
    expect(await gateway.reload(limited(many))).toEqual({ ok: true, generation: 2, changed: false })
  })

  test('is refused at the start with the line that is wrong', async () => {
    const started = startGateway(`routes:\n${many}typo: 1\n`)

    const error = (await started.then(
      () => null,
      (reason: unknown) => reason,
    )) as ConfigError
    expect(renderDiagnostics(error.diagnostics, error.document)).toMatch(/unknown-key.*\n +\d+ \| typo: /)
  })

  test('finds what is wrong with it in another process, and says it as a check does', async () => {
    await using gateway = await startGateway(small, { files: { 'mine.mjs': plugin('1') } })
    const file = join(gateway.folder, 'gateway.yaml')

    const result = await gateway.reload(`plugins: [./mine.mjs]\nroutes:\n${many}typo: 1\n`)

    expect((globalThis as { importedHere?: number }).importedHere).toBeUndefined()
    const { diagnostics } = await loadConfig(file, { env: {}, shownAs: file })
    expect(diagnostics).not.toEqual([])
    expect(result).toEqual({ ok: false, diagnostics })
    expect((await gateway.fetch('/a')).status).toBe(200)
  })

  test('refuses a plugin file that changed since it was loaded', async () => {
    await using gateway = await startGateway(`plugins: [./other.mjs]\n${small}`, {
      files: { 'other.mjs': plugin('old') },
    })
    await writeFile(join(gateway.folder, 'other.mjs'), plugin('new'))

    const result = await gateway.reload(`plugins: [./other.mjs]\n${small}${many}`)

    expect(result).toMatchObject({ ok: false, diagnostics: [{ code: 'plugin-changed', path: 'plugins[0]' }] })
    expect((await gateway.fetch('/a')).headers.get('x-mine')).toBe('old')
  })

  test('says where a plugin stands now that refuses its unchanged options', async () => {
    const fussy = `
export const traits = {}
export const schema = { type: 'object', additionalProperties: false, properties: {} }
export default function fussy(scope) {
  if (scope.consumers.byKeyHash('${'0'.repeat(64)}') !== undefined) throw new Error('not with that one')
}
`
    const plugins = 'plugins: [./fussy.mjs]'
    await using gateway = await startGateway(`${plugins}\nroutes:\n${many}`, { files: { 'fussy.mjs': fussy } })
    const consumers = `consumers:\n  bad: { keys: ["sha256:${'0'.repeat(64)}"] }\n`

    const result = await gateway.reload(`${consumers}${plugins}\nroutes:\n${many}`)

    const text = await readFile(join(gateway.folder, 'gateway.yaml'), 'utf8')
    const line = text.split('\n').indexOf(plugins) + 1
    expect(result).toMatchObject({ ok: false, diagnostics: [{ code: 'plugin-failed', at: { line, column: 11 } }] })
  })

  test('refuses it where its tests fail', async () => {
    await using gateway = await startGateway(small)
    const tests = 'reload: { requireTests: true }\ntests: [{ name: t, request: GET /r1/1, expect: { status: 404 } }]\n'

    const result = await gateway.reload(`${tests}${small}${many}`)

    expect(result).toMatchObject({ ok: false, diagnostics: [{ code: 'failed-test' }] })
  })

  test('serves what is there at the end, when another follows and the file is gone meanwhile', async () => {
    await using gateway = await startGateway(small)

    const file = join(gateway.folder, 'gateway.yaml')
    const whole = await readFile(file, 'utf8')
    await writeFile(file, whole.replace(small, `${small}${many}`))

    const results = await Promise.all([gateway.gateway.reload(), gateway.gateway.reload()])
    await unlink(file)

    expect(results).toMatchObject([
      { ok: true, changed: true },
      { ok: true, changed: false },
    ])
    expect(await gateway.gateway.reload()).toMatchObject({ ok: false, diagnostics: [{ code: 'unreadable-file' }] })
    expect(await (await gateway.fetch('/r7/1')).text()).toBe('7')
  })

  test.runIf(process.platform === 'linux')(
    'is refused where its reader is killed, and read when it, or a file that it names, has changed',
    async () => {
      const named = `upstreams:\n  u: { targets: ["https://127.0.0.1:1"], tls: { ca: ca.pem } }\n${small}`
      const [first, second] = [makeCertificate('one').cert, makeCertificate('two').cert]
      await using gateway = await startGateway(named, { watch: true, files: { 'ca.pem': first } })
      const reloading = gateway.reload(`${named}${many}`)
      await expect.poll(() => readers(), { interval: 1 }).toHaveLength(1)
      for (const pid of readers()) process.kill(pid, 'SIGKILL')

      const message = 'the process that reads the file has ended: it was ended by SIGKILL'
      expect(await reloading).toMatchObject({ ok: false, diagnostics: [{ code: 'worker-ended', message }] })
      expect((await gateway.fetch('/a')).status).toBe(200)

      await writeFile(join(gateway.folder, 'ca.pem'), second)
      await expect.poll(() => gateway.gateway.generation).toBe(2)
      expect(await (await gateway.fetch('/r7/1')).text()).toBe('7')
      expect(readers()).toEqual([])
    },
  )

  test('is refused where a plugin waits for ever, and the reader is gone', async () => {
    await using gateway = await startGateway(small, { files: { 'waits.mjs': 'await new Promise(() => {})\n' } })
    const file = join(gateway.folder, 'gateway.yaml')
    await writeFile(file, `plugins: [./waits.mjs]\nroutes:\n${many}`)

    const checked = new Readers().check(
      { file, options: {}, served: null },
      { digests: new Map(), config: null, mostMs: 2000 },
    )

    await expect(checked).rejects.toThrow('it came to no end in 2 s')
    expect([...starters(), ...readers()]).toEqual([])
  })

  test('is read though a plugin tells its parent something else', async () => {
    const talks = `process.send?.('ready')\nprocess.send?.({ verdict: { kind: 'unchanged' } })\n${plugin('talks')}`
    await using gateway = await startGateway(small, { files: { 'talks.mjs': talks } })

    const result = await gateway.reload(`plugins: [./talks.mjs]\nroutes:\n${many}`)

    expect(result).toMatchObject({ ok: true, changed: true })
    expect((await gateway.fetch('/r1/1')).headers.get('x-mine')).toBe('talks')
  })

  test('is given up when the gateway stops', async () => {
    await using gateway = await startGateway(small)

    const reloading = gateway.reload(`${small}${many}`)
    await gateway.gateway.stop(true)

    expect(await reloading).toMatchObject({ generation: 1 })
    await expect(gateway.fetch('/a')).rejects.toThrow()
  })

  test.runIf(process.platform === 'linux')('is given up in its middle, and the next never begins', async () => {
    await using gateway = await startGateway(small)

    const reloading = gateway.reload(`${small}${many}`)
    await expect.poll(() => readers(), { interval: 1 }).toHaveLength(1)
    const next = gateway.gateway.reload()
    const seen = new Set(readers())
    const looking = setInterval(() => readers().forEach((pid) => void seen.add(pid)), 5)
    await gateway.gateway.stop(true)

    expect(await reloading).toMatchObject({ changed: false, generation: 1 })
    expect(await next).toMatchObject({ changed: false, generation: 1 })
    clearInterval(looking)
    expect(seen.size).toBe(1)
    expect(starters()).toEqual([])
    expect([...seen].map(commandOf)).toEqual([''])
  })

  test.runIf(process.platform === 'linux')(
    'leaves no reader behind when the gateway is killed, whatever a plugin does',
    async () => {
      const files = { 'loops.mjs': 'for (;;);\n' }
      await using sluice = await runSluice(
        `listen: http://127.0.0.1:0\nadmin: http://127.0.0.1:0\nthreads: 1\n${small}`,
        { files },
      )
      await sluice.serving()
      const { pid } = sluice.process
      await writeFile(sluice.file, `plugins: [./loops.mjs]\n${await readFile(sluice.file, 'utf8')}${many}`)
      sluice.process.kill('SIGHUP')
      await expect.poll(() => readers(pid)).toHaveLength(1)
      const [reader, starter] = [...readers(pid), ...starters(pid)]
      // It has come to the plugin: nothing of it sleeps any more.
      await expect.poll(() => cpuTicksOf(reader!)).toBeGreaterThan(200)

      sluice.process.kill('SIGKILL')

      await expect.poll(() => commandOf(reader!)).toBe('')
      await expect.poll(() => commandOf(starter!)).toBe('')
    },
  )
})

/** Hundredths of a second. */
function cpuTicksOf(pid: number): number {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13)
  return Number(user) + Number(system)
}

test.each([
  { flags: ['--inspect', '--enable-source-maps'], left: ['--enable-source-maps'] },
  { flags: ['--inspect-port', '9229', '--inspect-brk=1', '--import', './a.mjs'], left: ['--import', './a.mjs'] },
  { flags: ['--inspect-publish-uid', 'stderr'], left: [] },
])('a reader inherits $flags without those of the inspector', ({ flags, left }) => {
  expect(withoutInspector(flags)).toEqual(left)
})
