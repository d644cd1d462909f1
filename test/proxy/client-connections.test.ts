import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { answering, response, scriptedOrigin } from '../support/scripted-origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'
import { guarded, MIB, open, piece, settled } from './body-setup.ts'

describe('a refused POST', () => {
  test('with a small body is drained, and its connection used again', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(guarded(origin.url))
    const wire = await openWire(gateway.port)
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789'

    wire.send(post + post)
    const answers = await wire.until(/HTTP\/1\.1 401[\s\S]*HTTP\/1\.1 401[\s\S]*\}\n$/)
    wire.close()

    expect(answers).not.toMatch(/connection: close/i)
    expect(origin.requests).toHaveLength(0)
  })

  test.for([
    ['the gateway', guarded, 401, 'connection: close'],
    [
      'a route',
      () => `routes:\n  all: { match: /*, respond: { status: 200, body: hello }, public: test }\n`,
      200,
      'connection: close',
    ],
    ['the upstream', (url: string) => open(url), 413, 'connection: close'],
  ] as const)(
    'with a large body is answered by %s, and the client sees it though it is still sending',
    async ([, yaml, status, closes]) => {
      await using origin = await startOrigin((_, answer) => answer.writeHead(413).end('too much'))
      await using gateway = await startGateway(yaml(origin.url))

      // Without reading on after the answer, the reset takes it from about every second client.
      for (let i = 0; i < 6; i++) {
        const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true })
        let received = ''
        let failed: Error | undefined
        socket.on('data', (chunk) => {
          received += chunk
        })
        socket.on('error', (error) => {
          failed = error
        })
        socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${8 * MIB}\r\n\r\n`)
        for (let sent = 0; sent < 8 && !socket.destroyed; sent++)
          await new Promise((go) => socket.write(piece, () => go(null)))
        socket.end()
        if (!socket.closed) await once(socket, 'close')

        expect(failed).toBeUndefined()
        expect(statusOf(received)).toBe(status)
        expect(received.toLowerCase()).toContain(closes)
      }
      await settled(gateway)
    },
  )

  test('with a large body is not followed by another request on its connection', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `${guarded(origin.url)}  open: { match: /open, upstream: "${origin.url}", public: test }\n`,
    )
    const wire = await openWire(gateway.port)
    wire.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${MIB}\r\n\r\n`)
    await wire.until(/HTTP\/1\.1 401[\s\S]*connection: close/i)

    wire.send(`${'a'.repeat(MIB)}GET /open HTTP/1.1\r\nHost: a\r\n\r\n`)
    const answers = await wire.closed()

    expect(answers.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(origin.requests).toHaveLength(0)
  })
})

describe('a connection', () => {
  test('with bad bytes is closed, also when the client stays', async () => {
    await using gateway = await startGateway(open('builtin://echo'))
    const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {})
    socket.resume()
    socket.write('nonsense\r\n\r\n')
    await once(socket, 'end')

    await expect.poll(() => gateway.metrics()).toMatch(/sluice_connections\{kind="http"\} 0/)
    socket.destroy()
  })

  test('that is refused and closes lets nothing behind it be carried out', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const post = 'POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n'

    // In one read, so that both have been parsed before the first is answered.
    wire.send(`${post}DELETE /2 HTTP/1.1\r\nHost: a\r\n\r\n`)

    expect((await wire.closed()).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 501'])
    expect(origin.requests).toEqual([])
  })

  test('sends one request at a time to the upstream, however many are pipelined', async () => {
    let [open_, most] = [0, 0]
    await using origin = await startOrigin((request, answer) => {
      most = Math.max(most, ++open_)
      request.resume().on('end', () =>
        setImmediate(() => {
          open_--
          answer.end(`<${request.url}>`)
        }),
      )
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const chunked = (path: number) =>
      `POST /${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`

    wire.send(Array.from({ length: 100 }, (_, path) => chunked(path)).join(''))
    const answers = await wire.until(/<\/99>/)
    wire.close()

    expect(answers.match(/<.*?>/g)).toEqual(Array.from({ length: 100 }, (_, path) => `</${path}>`))
    expect(most).toBe(1)
  })

  test('answers pipelined POSTs in order, each with its own body', async () => {
    await using origin = await startOrigin((request, answer) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => setTimeout(() => answer.end(`<${body}>`), body === 'one' ? 40 : 0))
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const post = (body: string) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`

    wire.send(
      `${post('one') + post('two!')}POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nthree\r\n0\r\n\r\n`,
    )

    expect([...(await wire.closed()).matchAll(/<(.*?)>/g)].map(([, body]) => body)).toEqual(['one', 'two!', 'three'])
  })

  test('that closes after an answer leaves nothing of the requests behind it', async () => {
    await using origin = await startOrigin((request, answer) => {
      if (request.url === '/one') setTimeout(() => answer.end('one'), 40)
      if (request.url === '/two') answer.end('two')
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`

    wire.send(get('/one', 'Connection: close\r\n') + get('/two') + get('/two%00') + get('/never'))

    expect((await wire.closed()).match(/HTTP\/1\.1/g)).toHaveLength(1)
    await settled(gateway)
  })

  test.for([
    ['HTTP/1.0', ''],
    ['HTTP/1.1', 'Connection: close\r\n'],
  ] as const)(
    'that is told of its last answer in %s is told no more, whatever it sent behind it',
    async ([version, more]) => {
      await using origin = await startOrigin((_request, answer) => answer.end('the end'))
      await using gateway = await startGateway(open(origin.url))
      const wire = await openWire(gateway.port, { allowHalfOpen: true })

      wire.send(`GET / ${version}\r\nHost: a\r\n${more}\r\nGET / HT`)
      wire.socket.end()

      // A client that has half-closed may be asked whether it is there, by an interim answer.
      expect((await wire.closed()).match(/HTTP\/1\.1 [2-5].*/g)).toEqual(['HTTP/1.1 200 OK'])
    },
  )

  // Node hands an upgrade over at once; the answers before it are still to come. This ended the process.
  test.for([
    [
      'an upgrade',
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      200,
    ],
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', 405],
  ] as const)('answers what is before %s first', async ([, bytes, status]) => {
    await using origin = await startOrigin((request, answer) => {
      setTimeout(() => answer.end(request.url), request.url === '/slow' ? 60 : 0)
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)

    wire.send(`GET /slow HTTP/1.1\r\nHost: a\r\n\r\n${bytes}`)
    const answers = await wire.until(/\/slow[\s\S]*HTTP\/1\.1 [0-9]{3}[\s\S]*\r\n\r\n/)
    wire.close()

    expect([...answers.matchAll(/HTTP\/1\.1 ([0-9]{3})/g)].map(([, one]) => Number(one))).toEqual([200, status])
    await settled(gateway)
  })

  test('to the upstream is not used again after an answer to an unfinished request', async () => {
    await using origin = await scriptedOrigin(answering(response('early')))
    await using gateway = await startGateway(open(`http://127.0.0.1:${origin.port}`))
    const wire = await openWire(gateway.port)
    wire.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n')
    await wire.until(/early/)
    wire.close()

    const answer = await exchange(gateway.port, 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n')

    expect(statusOf(answer)).toBe(200)
    expect(origin.connections).toHaveLength(2)
    expect(origin.connections[0]!.received).not.toMatch(/\/next/)
  })

  test('with an upgrade and a body is an ordinary request: the body is no early data of a tunnel', async () => {
    await using origin = await startOrigin((request, answer) => {
      request.on('data', () => {})
      request.on('end', () => answer.end(String(request.headers.upgrade)))
    })
    await using gateway = await startGateway(open(origin.url))

    const answer = await exchange(
      gateway.port,
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nGET ',
    )

    expect(answer).toMatch(/\r\n\r\nundefined$/)
  })
})
