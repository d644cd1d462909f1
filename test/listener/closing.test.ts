/** A listener closes when nothing waits on it: what the system has accepted, and we have not, would be reset. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'

/** A client in a thread of its own: told to, it connects, says so by the signal, and asks once. Then it wants to be told again. */
const CLIENT = `
const net = require('node:net'), { parentPort, workerData } = require('node:worker_threads')
const { shared, port, controlPort } = workerData
const signal = new Int32Array(shared)
const outcomes = []
const control = net.connect(controlPort, '127.0.0.1', () => control.write('x'))
parentPort.on('message', (what) => {
  if (what === 'end') { control.destroy(); parentPort.postMessage(outcomes); return }
  let answer = ''
  const connected = () => {
    socket.write('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
    control.write('x')
    Atomics.store(signal, 0, 1)
    Atomics.notify(signal, 0)
  }
  const socket = net.connect(port, '127.0.0.1', connected)
  socket.on('data', (chunk) => { answer += chunk; socket.end() })
  socket.on('error', (error) => { answer = error.code; if (error.syscall === 'connect') connected() })
  socket.on('close', () => outcomes.push(answer.slice(0, 15)))
})`

test('whoever connects while a gateway stops is answered, however busy its event loop is', async () => {
  const gateway = await startGateway('routes: { all: { match: /*, respond: { status: 200 }, public: test } }')
  const signal = new Int32Array(new SharedArrayBuffer(4))
  let until = Infinity
  const control = createServer((socket) => {
    socket.on('error', () => {})
    // Each turn of the loop ends with a connection that came after it had looked for some.
    socket.on('data', () => {
      if (performance.now() > until) return
      Atomics.store(signal, 0, 0)
      client.postMessage('connect')
      Atomics.wait(signal, 0, 0)
    })
  }).listen(0, '127.0.0.1')
  await once(control, 'listening')
  const ports = { port: gateway.port, controlPort: (control.address() as AddressInfo).port }
  const client = new Worker(CLIENT, { eval: true, workerData: { shared: signal.buffer, ...ports } })
  await once(control, 'connection')

  until = performance.now() + 200
  await gateway.gateway.stop()
  client.postMessage('end')
  const [outcomes] = (await once(client, 'message')) as [string[]]

  expect(outcomes.length).toBeGreaterThan(2)
  expect(new Set(outcomes)).toEqual(new Set(['HTTP/1.1 200 OK']))
  await client.terminate()
  control.close()
  await gateway[Symbol.asyncDispose]()
})
