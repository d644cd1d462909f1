/** body-limit over sockets: declared and streamed bodies, at the limit and over it, enforced and observed. */
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'

function yaml(origin: string, options = ''): string {
  return `
upstreams: { origin: ["${origin}"] }
routes:
  upload: { match: /*, upstream: origin, public: test, plugins: [body-limit: { max: 16B${options} }] }
`
}

/** An origin that answers with the number of body bytes it got. */
function startCounter() {
  return startOrigin((request, response) => {
    let received = 0
    request.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    request.on('end', () => response.end(String(received)))
    request.on('error', () => {})
  })
}

const rejections = (mode: string, count: number) =>
  `sluice_rejections_total{route="upload",plugin="body-limit",reason="body-too-large",mode="${mode}"} ${count}`

const chunked = (sizes: readonly number[]) =>
  `POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${sizes
    .map((size) => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`)
    .join('')}0\r\n\r\n`

test('lets bodies through up to the limit, declared and chunked', async () => {
  await using origin = await startCounter()
  await using gateway = await startGateway(yaml(origin.url))
  const declared = (size: number) => `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${size}\r\n\r\n${'x'.repeat(size)}`

  const answers: string[] = []
  for (const message of ['GET / HTTP/1.1\r\nhost: a\r\n\r\n', declared(0), declared(16), chunked([8, 8])])
    answers.push(await exchange(gateway.port, message))

  expect(answers.map(statusOf)).toEqual([200, 200, 200, 200])
  expect(answers.map((answer) => answer.slice(answer.indexOf('\r\n\r\n') + 4))).toEqual(['0', '0', '16', '16'])
})

test('refuses a declared length over the limit before a byte of the body is sent', async () => {
  await using origin = await startCounter()
  await using gateway = await startGateway(yaml(origin.url))
  const wire = await openWire(gateway.port)

  wire.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 17\r\n\r\n')
  const answer = await wire.until(/\r\n\r\n/)
  wire.close()

  expect(statusOf(answer)).toBe(413)
  expect(answer).toContain('"code":"body-too-large"')
  expect(origin.requests).toEqual([])
})

test('refuses a client that waits for 100-continue without ever asking for the body', async () => {
  await using origin = await startCounter()
  await using gateway = await startGateway(yaml(origin.url))

  const answer = await exchange(
    gateway.port,
    'POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 17\r\n\r\n',
  )

  expect(statusOf(answer)).toBe(413)
  expect(answer).not.toContain('HTTP/1.1 100')
})

test('refuses a chunked body at the byte that is too many, and never completes it towards the upstream', async () => {
  let completed = 0
  await using origin = await startOrigin((request, response) => {
    request.resume()
    request.on('error', () => {})
    request.on('end', () => {
      completed++
      response.end()
    })
  })
  await using gateway = await startGateway(yaml(origin.url))

  const answer = await exchange(gateway.port, chunked([16, 1]))

  expect(statusOf(answer)).toBe(413)
  expect(answer).toContain('"code":"body-too-large"')
  expect(completed).toBe(0)
  expect(await gateway.metrics()).toContain(rejections('enforce', 1))
})

test('lets everything through in observe mode, and says what it would have refused', async () => {
  await using origin = await startCounter()
  await using gateway = await startGateway(yaml(origin.url, ', mode: observe'))

  const declared = await gateway.fetch('/', { method: 'POST', body: 'x'.repeat(40) })
  const streamed = await exchange(gateway.port, chunked([16, 16, 16]))

  expect(await declared.text()).toBe('40')
  expect(statusOf(streamed)).toBe(200)
  expect(streamed).toMatch(/48$/)
  const told = gateway.log.filter((line) => line['message'] === 'body-limit would have refused a body')
  expect(told).toMatchObject([{ item: 'routes.upload/body-limit#0', max: 16 }])
  expect(await gateway.metrics()).toContain(rejections('observe', 2))
})
