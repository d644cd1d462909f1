/** What a test expects beside what was decided, key by key. */
import type { TestExpectation } from '../config/config.ts'
import { valuesOf } from '../exchange/headers.ts'
import type { DryRun } from '../generation/dry-run.ts'
import { decidedBy } from './explanation.ts'
import { shownValue } from './headers.ts'

export interface Comparison {
  /** Below `expect`: `['status']`, `['headers', 'x-a']`. */
  readonly path: readonly string[]
  readonly expected: unknown
  /** Null: there is none. Several where any would have done. */
  readonly actual: unknown
  readonly met: boolean
}

/** One comparison for each thing that is expected. */
export function compare(run: DryRun, expect: TestExpectation, secrets: ReadonlySet<string>): Comparison[] {
  const comparisons: Comparison[] = []
  for (const key of Object.keys(readers) as SimpleKey[]) {
    const expected = expect[key]
    if (expected === undefined) continue
    const candidates = readers[key](run)
    const met = expected === null ? candidates.length === 0 : candidates.includes(expected)
    const shown = candidates[0] ?? null
    comparisons.push({
      path: [key],
      expected,
      actual: key === 'target' && candidates.length > 0 ? targets(run) : shown,
      met,
    })
  }
  for (const [name, expected] of Object.entries(expect.headers ?? {})) {
    comparisons.push(compareHeader(run, { name: name.toLowerCase(), written: name, expected }, secrets))
  }
  return comparisons
}

type SimpleKey = Exclude<keyof TestExpectation, 'headers'>

/** What would do for each key; none: there is nothing. The first is what is shown. */
const readers: Readonly<Record<SimpleKey, (run: DryRun) => readonly (string | number)[]>> = {
  route: ({ exchange }) => some(exchange.route?.name),
  status: ({ exchange, forwarded }) => (forwarded === null ? [exchange.reply.statusCode] : []),
  code: ({ exchange }) => some(exchange.problem?.code),
  upstream: ({ exchange, forwarded }) => (forwarded === null ? [] : some(exchange.upstreamName)),
  target: (run) => [...targets(run), ...(run.forwarded ?? []).flatMap(({ target, head }) => [target, head.target])],
  consumer: ({ exchange }) => [...some(exchange.consumer?.name), ...some(exchange.consumer?.id)],
  plugin: ({ exchange, forwarded }) => (forwarded === null ? [decidedBy(exchange)].filter(isPlugin) : []),
}

function some(value: string | null | undefined): string[] {
  return value === null || value === undefined ? [] : [value]
}

function isPlugin(name: string): boolean {
  return name !== 'router' && name !== 'upstream' && name !== 'route'
}

/** Each target's URL with the path and query that it would be asked for. */
function targets({ forwarded }: DryRun): string[] {
  return (forwarded ?? []).map(({ target, head }) => {
    const origin = /^[a-z]+:\/\/[^/]*/i.exec(target)?.[0]
    return origin === undefined || target.startsWith('unix:') ? `${target} ${head.target}` : origin + head.target
  })
}

function compareHeader(
  { exchange, forwarded }: DryRun,
  { name, written, expected }: { name: string; written: string; expected: string | boolean },
  secrets: ReadonlySet<string>,
): Comparison {
  const values = valuesOf(forwarded?.[0]?.head.headers ?? exchange.reply.headers.raw, name)
  const met = typeof expected === 'boolean' ? expected === values.length > 0 : values.includes(expected)
  const shown = values.map((value) => shownValue(name, value, secrets))
  return {
    path: ['headers', written],
    expected: typeof expected === 'string' ? shownValue(name, expected, secrets) : expected,
    actual: shown.length < 2 ? (shown[0] ?? null) : shown,
    met,
  }
}
