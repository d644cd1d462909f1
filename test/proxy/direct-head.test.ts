/** The fast way to write a head beside the public one: the same answers, whichever is taken. */
import { afterEach, describe, expect, test } from 'vitest'
import { directHeadWorks, useDirectHead } from '../../src/proxy/direct-head.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { openWire } from '../support/wire.ts'

afterEach(() => useDirectHead(true))

test('this Node takes heads that are composed here', () => {
  expect(directHeadWorks()).toBe(true)
})

const cases = {
  '/length': () => ({ head: { 'content-length': '2', 'x-a': 'b' }, status: 200, body: 'ok' }),
  '/chunked': () => ({ head: { 'set-cookie': ['a=1', 'b=2'] }, status: 201, body: 'ok' }),
  '/none': () => ({ head: { etag: '"a"' }, status: 304, body: '' }),
  '/nothing': () => ({ head: {}, status: 204, body: '' }),
  '/latin1': () => ({ head: { 'x-name': 'caf\xe9' }, status: 200, body: 'ok' }),
} as const

async function answerOn(path: string, method: string, direct: boolean): Promise<string> {
  useDirectHead(direct)
  await using origin = await startOrigin((request, response) => {
    const { status, head, body } = cases[request.url as keyof typeof cases]()
    response.writeHead(status, { date: 'Thu, 01 Jan 1970 00:00:00 GMT', ...head })
    response.end(body)
  })
  await using gateway = await startGateway(`
name: edge
routes:
  all: { match: /*, upstream: "${origin.url}", public: "test" }
  end: { match: /end, respond: { status: 200 }, public: "test" }
`)
  const wire = await openWire(gateway.port)
  wire.send(`${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\nGET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  const answers = await wire.closed()
  const end = answers.lastIndexOf('HTTP/1.1 ')
  return answers.slice(0, end).replace(/x-request-id: .*/i, 'x-request-id: …')
}

/** The lines of a head in any order: Node puts its framing last. */
function parts(answer: string): { head: string[]; body: string } {
  const end = answer.indexOf('\r\n\r\n')
  return { head: answer.slice(0, end).split('\r\n').sort(), body: answer.slice(end + 4) }
}

describe('an answer is the same on both paths', () => {
  test.for(Object.keys(cases).flatMap((path) => ['GET', 'HEAD'].map((method) => [method, path] as const)))(
    '%s %s',
    async ([method, path]) => {
      const direct = parts(await answerOn(path, method, true))
      const plain = parts(await answerOn(path, method, false))

      expect(direct).toEqual(plain)
      expect(direct.head.length).toBeGreaterThan(3)
    },
  )
})
