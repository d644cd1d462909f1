/** Lines reach files and pipes whole and in order; destinations that fail or stall cost lines, not the program. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import { LineSink } from '../../src/observe/line-sink.ts'

function sinkTo(path: string) {
  const seen = { dropped: 0, failures: [] as string[], recovered: 0 }
  const sink = new LineSink(path, {
    dropped: (lines) => {
      seen.dropped += lines
    },
    failed: (error) => seen.failures.push((error as NodeJS.ErrnoException).code ?? error.message),
    recovered: () => {
      seen.recovered++
    },
  })
  return { sink, seen }
}

const newFile = () => join(mkdtempSync(join(tmpdir(), 'sluice-sink-')), 'lines.log')

test('writes every line once and in order', async () => {
  const path = newFile()
  const { sink, seen } = sinkTo(path)
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i} ä€😀\n`)

  for (const line of lines) sink.write(line)
  await sink.close()

  expect(readFileSync(path, 'utf8')).toBe(lines.join(''))
  expect(seen).toEqual({ dropped: 0, failures: [], recovered: 0 })
})

test('appends to what a file has', async () => {
  const path = newFile()
  for (const line of ['first\n', 'second\n']) {
    const { sink } = sinkTo(path)
    sink.write(line)
    await sink.close()
  }

  expect(readFileSync(path, 'utf8')).toBe('first\nsecond\n')
})

test('writes soon without being asked', async () => {
  const path = newFile()
  const { sink } = sinkTo(path)
  sink.write('now\n')

  await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toBe('now\n'), 60_000)
  await sink.close()
})

test('drops and counts the lines of a full disk, and reports it once', async () => {
  const { sink, seen } = sinkTo('/dev/full')

  for (let i = 0; i < 10; i++) sink.write('one\ntwo\n')
  await vi.waitFor(() => expect(seen.dropped).toBe(20), 60_000)
  sink.write('three\n')
  await sink.close()

  expect(seen).toEqual({ dropped: 21, failures: ['ENOSPC'], recovered: 0 })
})

test('drops what comes after closing', async () => {
  const { sink, seen } = sinkTo(newFile())
  await sink.close()

  sink.write('late\n')

  expect(seen.dropped).toBe(1)
})

test('bounds what waits for a destination', async () => {
  const { sink, seen } = sinkTo(newFile())
  const line = `${'x'.repeat(1023)}\n`

  for (let i = 0; i < 20_000; i++) sink.write(line)

  expect(seen.dropped).toBeGreaterThan(20_000 - 8 * 1024 - 100)
  await sink.close()
})

/** A program that writes lines to its stdout through a sink, and says on stderr what became of them. */
function program(body: string, stdout: 'pipe' | number = 'pipe') {
  const code = `
    const { LineSink } = await import(${JSON.stringify(import.meta.resolve('../../src/observe/line-sink.ts'))})
    let dropped = 0
    const failures = []
    const sink = new LineSink('stdout', {
      dropped: (lines) => { dropped += lines }, failed: (error) => failures.push(error.code), recovered() {},
    })
    process.on('exit', () => process.stderr.write(JSON.stringify({ dropped, failures })))
    ${body}`
  return spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', stdout, 'pipe'] })
}

test('writes what is waiting when the process ends', async () => {
  const child = program(`for (let i = 0; i < 3; i++) sink.write(i + '\\n'); process.exit(0)`)

  const [output, report] = await Promise.all([text(child.stdout!), text(child.stderr!)])

  expect(output).toBe('0\n1\n2\n')
  expect(JSON.parse(report).failures).toEqual([])
})

test('survives a reader of stdout that leaves', async () => {
  const child = program(`
    const timer = setInterval(() => {
      sink.write('line\\n')
      if (failures.length > 0) { clearInterval(timer); sink.write('more\\n'); await_end() }
    }, 5)
    function await_end() { setTimeout(() => {}, 20) }`)
  const report = text(child.stderr!)
  await once(child.stdout!, 'data')
  child.stdout!.destroy()

  const [code] = await once(child, 'exit')

  expect(code).toBe(0)
  expect(JSON.parse(await report)).toEqual({ dropped: expect.any(Number), failures: ['EPIPE'] })
})

test.for(['a socket', 'a pipe'])('neither waits for %s whose reader stalls, nor hangs at the end', async (kind) => {
  const fifo = kind === 'a pipe' ? openFifo() : undefined
  const child = program(
    `for (let i = 0; i < 12; i++) {
      sink.write(('x'.repeat(1023) + '\\n').repeat(1024))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }`,
    fifo ?? 'pipe',
  )

  const report = await text(child.stderr!)

  // Nobody ever reads: 12 MiB are written, the sink holds 8 and the kernel little.
  expect(JSON.parse(report).dropped).toBeGreaterThan(3 * 1024)
  child.stdout?.destroy()
  if (fifo !== undefined) closeSync(fifo)
})

/** A named pipe open at both ends, read by nobody. */
function openFifo(): number {
  const path = newFile()
  spawnSync('mkfifo', [path])
  return openSync(path, 'r+')
}
