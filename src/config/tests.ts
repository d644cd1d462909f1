/** `tests` and `reload`. What a test names has to exist, so that none passes or fails by a slip of the pen. */
import type { Config, TestConfig, TestExpectation, UpstreamConfig } from './config.ts'
import type { Path } from './document.ts'
import type { RawList, RawMap, RawTest } from './raw.ts'
import type { Reading } from './reading.ts'
import { didYouMean } from './suggest.ts'

type Kind = 'listener' | 'consumer' | 'route' | 'upstream'
type Names = Readonly<Record<Kind, readonly string[]>>

export function readTests(
  reading: Reading,
  { listeners, upstreams }: { listeners: readonly string[]; upstreams: readonly UpstreamConfig[] },
): TestConfig[] {
  // As the file has them: one that is wrong in itself is no unknown name besides.
  const keys = (section: string) => reading.document.keysOf([section])
  const names = {
    listener: listeners,
    consumer: keys('consumers'),
    route: keys('routes'),
    upstream: [...keys('upstreams'), ...upstreams.map(({ name }) => name)],
  }
  return (reading.data.tests ?? []).flatMap((raw, index) => {
    const test = raw === undefined ? null : readTest(reading, raw, { path: ['tests', index], names })
    return test === null ? [] : [test]
  })
}

export function readReload(reading: Reading): Config['reload'] {
  return { requireTests: reading.data.reload?.requireTests ?? false }
}

interface Place {
  readonly path: Path
  readonly names: Names
}

function readTest(reading: Reading, raw: RawTest, { path, names }: Place): TestConfig | null {
  const { request, expect } = raw
  if (request === undefined || expect === undefined) return null
  checkName(reading, raw.as, { path: [...path, 'as'], kind: 'consumer', names })
  checkName(reading, raw.listener, { path: [...path, 'listener'], kind: 'listener', names })
  checkName(reading, expect.route, { path: [...path, 'expect', 'route'], kind: 'route', names })
  checkName(reading, expect.upstream, { path: [...path, 'expect', 'upstream'], kind: 'upstream', names })
  const words = /^(\S+) (\S+)$/.exec(request)
  if (words === null) {
    const place = reading.document.place([...path, 'request'])
    const found = reading.document.shown([...path, 'request'])
    reading.findings.error('wrong-value', place, `expected METHOD URL, such as GET /orders/1, found ${found}`)
    return null
  }
  const [, method, url] = words as unknown as [string, string, string]
  return {
    name: raw.name ?? `${request}${raw.as === undefined ? '' : ` as ${raw.as}`}`,
    at: reading.document.place([...path, 'request']).at,
    path,
    request: {
      method,
      url,
      headers: headersOf(raw.headers),
      ip: raw.ip,
      listener: raw.listener,
      as: raw.as,
      claims: raw.claims,
    },
    repeat: raw.repeat ?? 1,
    expect: expect as TestExpectation,
  }
}

function headersOf(headers: RawMap<string | RawList<string>> | undefined): string[] {
  return Object.entries(headers ?? {}).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === undefined ? [] : [name, one])),
  )
}

function checkName(
  reading: Reading,
  name: string | null | undefined,
  { path, kind, names }: Place & { readonly kind: Kind },
): void {
  if (name === undefined || name === null || names[kind].includes(name)) return
  const suggestion = didYouMean(name, names[kind])
  const message = `there is no ${kind} ${reading.document.shown(path)}`
  reading.findings.error('unknown-name', reading.document.place(path), {
    message,
    ...(suggestion === undefined ? {} : { suggestion }),
  })
}
