/**
 * Requests over idle gaps to origins that close kept connections sooner than the gateway does: after 50 ms, and after Node's 5 s.
 * Prints what clients saw, as a Markdown table; exits 1 on any failure. Arguments: requests (default 1,000,000), clients.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Gateway } from '../../src/gateway.ts'
import { Load } from './load.ts'

const total = Number(process.argv[2] ?? 1_000_000)
const clients = Number(process.argv[3] ?? 64)
const folder = mkdtempSync(join(tmpdir(), 'sluice-idle-'))

try {
  console.log('| keep-alive of the origin | requests | failed | failures |\n| --- | --- | --- | --- |')
  for (const keepAliveTimeout of [50, 5000]) {
    const { sent, failures } = await run(keepAliveTimeout)
    const failed = [...failures.values()].reduce((sum, n) => sum + n, 0)
    const what = [...failures].map(([code, n]) => `${n} × ${code}`).join(', ')
    console.log(`| ${keepAliveTimeout} ms | ${sent} | ${failed} | ${what} |`)
    if (failed > 0) process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true })
}

async function run(keepAliveTimeout: number): Promise<{ sent: number; failures: Map<string, number> }> {
  const server = createServer({ keepAliveTimeout }, (request, response) => {
    request.resume()
    // Node would tell how long it keeps the connection; a nasty origin does not.
    response.setHeader('keep-alive', 'timeout=60')
    response.end('ok')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  const file = join(folder, 'gateway.yaml')
  writeFileSync(
    file,
    `listen: http://127.0.0.1:0
admin: http://127.0.0.1:0
shutdown: { delay: 0ms, deadline: 1s }
routes: { all: { match: /*, upstream: "http://127.0.0.1:${port}", public: "the idle run" } }
`,
  )
  const gateway = await Gateway.start(file, { log: { level: 'silent' } })
  const { port: gatewayPort } = gateway.addresses.values().next().value!
  let sent = 0
  const failures = new Map<string, number>()
  // Clients that pause for about as long as the origin keeps connections: the worst there is.
  const load = new Load(`http://127.0.0.1:${gatewayPort}/`, { GET: clients, POST: 0 }, () =>
    Math.random() < 0.02 ? keepAliveTimeout * (0.9 + 0.2 * Math.random()) : 0,
  )
  while (sent < total / 2) {
    await pause(500)
    const { GET: tally } = load.take()
    sent += tally.sent
    for (const [code, n] of tally.failures) failures.set(code, (failures.get(code) ?? 0) + n)
  }
  await load.stop()
  await gateway.stop(true)
  server.closeAllConnections()
  server.close()
  return { sent, failures }
}
