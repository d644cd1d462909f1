/**
 * `node bench/idle.ts`: what an idle client connection costs in memory. Clients connect, ask once and stay; growth of the gateway's
 * RSS divided by their number. Exits 1 when Sluice is over the budget.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { cleanUpOnSignal, temporaryFolder } from './child.ts'
import { leaveGatewayCore } from './cores.ts'
import { readRss } from './cpu.ts'
import { runLoad } from './load.ts'
import { wholeNumber } from './options.ts'
import { startOrigin } from './origin.ts'
import { loadPeer, type RunningPeer, startPeer } from './peer.ts'

const budgetKiB = 25

async function main(connections: number, peers: readonly string[]): Promise<boolean> {
  cleanUpOnSignal()
  leaveGatewayCore()
  await using folder = await temporaryFolder()
  await using origin = await startOrigin(folder.path)
  const lines = ['| peer | connections | KiB each | RSS before MiB | after MiB |', '|---|--:|--:|--:|--:|']
  let met = true
  for (const name of peers) {
    await using peer = await startPeer(await loadPeer(name), {
      folder: folder.path,
      work: 'proxy',
      originPort: origin.port,
    })
    if (peer === undefined) continue
    const { before, after } = await measure(peer, connections)
    const each = (after - before) / 1024 / connections
    lines.push(`| ${name} | ${connections} | ${each.toFixed(1)} | ${mebibytes(before)} | ${mebibytes(after)} |`)
    if (name === 'sluice') met = each < budgetKiB
  }
  lines.push('', `Budget: Sluice < ${budgetKiB} KiB each: **${met ? 'met' : 'missed'}**`)
  process.stdout.write(`${lines.join('\n')}\n`)
  return met
}

async function measure(peer: RunningPeer, connections: number): Promise<{ before: number; after: number }> {
  // Code is compiled and heaps have grown before the first reading.
  await runLoad(peer.folder, { url: `http://127.0.0.1:${peer.port}/small`, connections: 64, seconds: 3 })
  await sleep(1000)
  const before = readRss(peer.pids())
  const clients: Socket[] = []
  for (let made = 0; made < connections; made += 100)
    clients.push(
      ...(await Promise.all(Array.from({ length: Math.min(100, connections - made) }, () => ask(peer.port)))),
    )
  await sleep(2000)
  const after = readRss(peer.pids())
  const gone = clients.filter((client) => client.destroyed || client.readableEnded).length
  for (const client of clients) client.destroy()
  if (gone > 0) throw new Error(`${gone} connections were closed by the peer`)
  return { before, after }
}

async function ask(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  socket.write('GET /small HTTP/1.1\r\nHost: bench\r\n\r\n')
  await once(socket, 'data')
  socket.pause()
  return socket
}

function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '9000' },
    peers: { type: 'string', default: 'sluice,nginx,haproxy' },
  },
})
process.exitCode = (await main(wholeNumber('--connections', values.connections), values.peers.split(','))) ? 0 : 1
