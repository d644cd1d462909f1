/** Writes summaries down: Markdown for people, JSON with every round for programs. */
import { cpus, release } from 'node:os'
import type { Options } from './options.ts'
import { loadPeer } from './peer.ts'
import type { CaseSummary, Row } from './summary.ts'

/** One table with its heading and, where the case has one, its budget. */
export function markdownOf(summary: CaseSummary): string {
  const { case: benchCase, rows } = summary
  const cpu = benchCase.per === 'request' ? 'CPU µs/request' : 'CPU ms/GB'
  const digits = benchCase.per === 'request' ? 2 : 0
  const lines = [
    `### ${benchCase.name}: ${benchCase.title}`,
    '',
    `| peer | ${cpu}, median | min | requests/s | p50 ms | p99 ms | RSS MiB | × nginx | × HAProxy | failures |`,
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
    ...rows.map((row) => rowOf(row, digits)),
  ]
  const notes = rows
    .filter(({ invalid }) => invalid !== undefined)
    .map(({ peer, invalid }) => `- ${peer}: not valid: ${invalid}`)
  if (notes.length > 0) lines.push('', ...notes)
  if (summary.budgets.length > 0) lines.push('', ...summary.budgets.map(budgetOf))
  return `${lines.join('\n')}\n`
}

function rowOf(row: Row, digits: number): string {
  if (row.absent !== undefined) return `| ${row.peer} |${' – |'.repeat(9)}`
  const cells = [
    row.invalid === undefined ? row.peer : `${row.peer} (not valid)`,
    row.cpuMedian.toFixed(digits),
    row.cpuMin.toFixed(digits),
    row.requestsPerSecond.toFixed(row.requestsPerSecond < 100 ? 1 : 0),
    (row.p50Us / 1000).toFixed(2),
    (row.p99Us / 1000).toFixed(2),
    (row.rssBytes / 1_048_576).toFixed(1),
    row.toNginx?.toFixed(2) ?? '–',
    row.toHaproxy?.toFixed(2) ?? '–',
    String(row.failures),
  ]
  return `| ${cells.join(' | ')} |`
}

function budgetOf({ peer, limit, actual, met }: CaseSummary['budgets'][number]): string {
  const allowed = `- Budget: sluice ≤ ${limit.toFixed(2)} × ${peer}`
  if (actual === undefined) return `${allowed}: **not measured**`
  return `${allowed}: **${met ? 'met' : 'missed'}** (${actual.toFixed(2)})`
}

/** Says what was measured on what. */
export async function describeRun(options: Options) {
  const versions: Record<string, string> = {}
  for (const name of options.peers) {
    try {
      versions[name] = (await loadPeer(name)).version()
    } catch {
      versions[name] = 'not installed'
    }
  }
  const { rounds, seconds, warmupSeconds, connections } = options
  return {
    at: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, kernel: release() },
    versions,
    rounds,
    seconds,
    warmupSeconds,
    connections,
  }
}

export function headingOf(run: Awaited<ReturnType<typeof describeRun>>): string {
  const { machine, versions } = run
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; ${peers.join('; ')}.
${run.rounds} rounds of ${run.seconds} s after ${run.warmupSeconds} s of warming up, ${run.connections} connections, ${run.at}.
`
}
