/** Rounds → the figures of one row: medians, the ratio to each reference, and whether the budget is kept. */
import type { Budget, Case } from './cases.ts'
import type { PeerRounds } from './measure.ts'

export interface Row extends PeerRounds {
  readonly cpuMedian: number
  readonly cpuMin: number
  readonly requestsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  /** The highest seen at the end of a round. */
  readonly rssBytes: number
  readonly failures: number
  readonly invalid?: string
  /** CPU medians divided; absent when either side is not valid. */
  readonly toNginx?: number
  readonly toHaproxy?: number
}

export interface CaseSummary {
  readonly case: Case
  readonly rows: readonly Row[]
  /** Without an actual figure there is no valid one to hold against it, and it is not met. */
  readonly budgets: readonly (Budget & { readonly actual?: number; readonly met: boolean })[]
}

export function summarize(benchCase: Case, measured: readonly PeerRounds[]): CaseSummary {
  const plain = measured.map(summarizePeer)
  const nginx = plain.find(({ peer }) => peer === 'nginx')
  const haproxy = plain.find(({ peer }) => peer === 'haproxy')
  const rows = plain.map((row) => ({
    ...row,
    ...named('toNginx', ratio(row, nginx)),
    ...named('toHaproxy', ratio(row, haproxy)),
  }))
  const sluice = rows.find(({ peer }) => peer === 'sluice')
  const budgets = (benchCase.budgets ?? []).map((budget) => {
    const actual = budget.peer === 'nginx' ? sluice?.toNginx : sluice?.toHaproxy
    return { ...budget, ...named('actual', actual), met: actual !== undefined && actual <= budget.limit }
  })
  return { case: benchCase, rows, budgets }
}

function summarizePeer(measured: PeerRounds): Row {
  const { rounds } = measured
  const invalid = measured.absent ?? rounds.find((round) => round.invalid !== undefined)?.invalid
  return {
    ...measured,
    cpuMedian: median(rounds.map(({ cpu }) => cpu)),
    cpuMin: Math.min(...rounds.map(({ cpu }) => cpu)),
    requestsPerSecond: median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
    p50Us: median(rounds.map(({ p50Us }) => p50Us)),
    p99Us: median(rounds.map(({ p99Us }) => p99Us)),
    rssBytes: Math.max(...rounds.map(({ rssBytes }) => rssBytes)),
    failures: rounds.reduce((sum, { statusErrors, socketErrors }) => sum + statusErrors + socketErrors, 0),
    ...named('invalid', invalid),
  }
}

function ratio(row: Row, reference: Row | undefined): number | undefined {
  if (reference === undefined || row.invalid !== undefined || reference.invalid !== undefined) return undefined
  return row.cpuMedian / reference.cpuMedian
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function named<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}
