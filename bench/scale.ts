/**
 * `node bench/scale.ts`: how cost grows with the number of routes, connections, rate-limit keys and metric series. Prints tables
 * and, with --svg FILE, draws them. Each size of what lives in memory is measured in a process of its own.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { chart, type Panel } from './chart.ts'
import { cleanUpOnSignal, runFirst, temporaryFolder } from './child.ts'
import { leaveGatewayCore } from './cores.ts'
import { cpuBetween, readCpu, readRss } from './cpu.ts'
import { runLoad } from './load.ts'
import { startOrigin } from './origin.ts'
import { loadPeer, startPeer } from './peer.ts'
import { growths } from './scale-of.ts'

type Figures = Readonly<Record<string, number>>

async function main(svg: string | undefined): Promise<void> {
  cleanUpOnSignal()
  const panels: Panel[] = []
  for (const growth of growths) {
    const rows = growth.sizes.map((size) => [size, measureApart(growth.name, size)] as const)
    panels.push(told(growth.name, rows))
  }
  leaveGatewayCore()
  panels.push(told('connections', await measureConnections([1, 8, 64, 512, 4096])))
  if (svg !== undefined) writeFileSync(svg, chart(panels))
}

function measureApart(name: string, size: number): Figures {
  const script = new URL('./scale-of.ts', import.meta.url).pathname
  const command = [
    ...(realtime ? ['chrt', '--rr', '10'] : []),
    process.execPath,
    '--expose-gc',
    script,
    name,
    String(size),
  ]
  const text = execFileSync(command[0]!, command.slice(1), { encoding: 'utf8' })
  return JSON.parse(text)
}

async function measureConnections(sizes: readonly number[]): Promise<(readonly [number, Figures])[]> {
  await using folder = await temporaryFolder()
  await using origin = await startOrigin(folder.path)
  const place = { folder: folder.path, work: 'proxy', originPort: origin.port } as const
  await using peer = (await startPeer(await loadPeer('sluice'), place))!
  const url = `http://127.0.0.1:${peer.port}/small`
  await runLoad(peer.folder, { url, connections: 64, seconds: 3 })
  const rows: (readonly [number, Figures])[] = []
  for (const connections of sizes) {
    const before = readCpu(peer.pids())
    const load = await runLoad(peer.folder, { url, connections, seconds: 3 })
    const micros = cpuBetween(before, readCpu(peer.pids())) / 1e3 / load.requests
    rows.push([connections, { 'CPU µs/request': micros, 'RSS MiB': readRss(peer.pids()) / 1_048_576 }])
  }
  return rows
}

/** Prints the table, and makes the panel. */
function told(name: string, rows: readonly (readonly [number, Figures])[]): Panel {
  const columns = Object.keys(rows[0]![1])
  const cells = rows.map(
    ([size, figures]) => `| ${size} | ${columns.map((one) => figures[one]!.toPrecision(3)).join(' | ')} |`,
  )
  const head = [`| ${name} | ${columns.join(' | ')} |`, `|${'--:|'.repeat(columns.length + 1)}`]
  process.stdout.write(`${[...head, ...cells].join('\n')}\n\n`)
  const lines = columns.map((column) => ({
    name: column,
    // A logarithmic axis has no zero.
    points: rows.map(([size, figures]) => [size, Math.max(figures[column]!, 0.001)] as const),
  }))
  return { title: `Cost by number of ${name}`, x: name, lines }
}

const { values } = parseArgs({ options: { svg: { type: 'string' }, realtime: { type: 'boolean', default: false } } })
const { realtime } = values
if (realtime) runFirst()
await main(values.svg)
