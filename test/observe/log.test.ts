/** The gateway's own log: JSON lines with level, time and message, and no secrets even where a caller is careless. */
import { expect, test } from 'vitest'
import { createLog, type LogOptions } from '../../src/observe/log.ts'

function logged(level: LogOptions['level'], write: (log: ReturnType<typeof createLog>) => void): string[] {
  const lines: string[] = []
  write(createLog({ level: level ?? 'info', destination: { write: (line) => void lines.push(line) } }))
  return lines
}

test('writes one JSON object per line', () => {
  const [line] = logged('info', (log) => log.info({ route: 'orders' }, 'reloaded'))

  expect(line).toMatch(/\n$/)
  expect(JSON.parse(line!)).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    route: 'orders',
    message: 'reloaded',
  })
})

test('leaves out what is below its level', () => {
  const lines = logged('warn', (log) => {
    log.debug({}, 'a')
    log.info({}, 'b')
    log.warn({}, 'c')
    log.error({}, 'd')
  })

  expect(lines.map((line) => JSON.parse(line).message)).toEqual(['c', 'd'])
})

test('shows an error with its stack and its cause', () => {
  const [line] = logged('info', (log) => log.error({ error: new Error('outer', { cause: new Error('inner') }) }, 'x'))

  expect(JSON.parse(line!).error).toMatchObject({
    type: 'Error',
    message: 'outer',
    stack: expect.stringContaining('log.test.ts'),
    cause: { message: 'inner' },
  })
})

test('keeps secrets out, at any depth and in header lists', () => {
  const secret = 'hunter2hunter2'
  const [line] = logged('info', (log) =>
    log.warn(
      {
        authorization: `Bearer ${secret}`,
        request: { headers: { Cookie: secret, 'x-api-key': secret, accept: 'text/html' } },
        rawHeaders: ['Host', 'a', 'Authorization', secret, 'X-Api-Key', secret],
        options: { token: secret, clientSecret: secret, password: secret, list: [{ apiKey: secret }] },
      },
      'careless',
    ),
  )

  expect(line).not.toContain(secret)
  expect(JSON.parse(line!)).toMatchObject({
    request: { headers: { accept: 'text/html', Cookie: '[redacted]' } },
    rawHeaders: ['Host', 'a', 'Authorization', '[redacted]', 'X-Api-Key', '[redacted]'],
  })
})

test('ends with an object that contains itself', () => {
  const loop: Record<string, unknown> = {}
  loop.loop = loop

  expect(logged('info', (log) => log.info(loop, 'round'))).toHaveLength(1)
})
