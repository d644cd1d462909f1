/** `match` of one route: short or long form → what the route table is built from. */
import { RE2JS } from 're2js'
import { isToken } from '../exchange/headers.ts'
import type { FieldCondition, MatchConfig, PathPattern } from './config.ts'
import type { Path } from './document.ts'
import { isProblem, type MatchProblem, methodProblem, parseHost, parsePattern, parseShortMatch } from './match.ts'
import type { RawCondition, RawList, RawMap, RawMatch, RawRoute } from './raw.ts'
import type { Reading } from './reading.ts'
import { nameHint } from './suggest.ts'

const anyPath: PathPattern = { text: '/*', segments: [], wildcard: true }

/** What the route matches; null when something of it was reported. */
export function readMatch(reading: Reading, name: string, raw: RawRoute): MatchConfig | null {
  const on = readListenerNames(reading, ['routes', name, 'on'], raw.on)
  const path = ['routes', name, 'match']
  const { match, slashes = 'merge' } = raw
  if (match === undefined) return null
  if (typeof match !== 'string') return readLong(reading, match, { path, on, slashes })
  const short = parseShortMatch(match, { slashes })
  if (isProblem(short)) {
    report(reading, path, short)
    return null
  }
  const hosts = short.host === null ? null : [short.host]
  return { on, hosts, paths: [short.path], methods: short.methods, headers: [], query: [] }
}

function readListenerNames(reading: Reading, path: Path, names: RawList<string> | undefined): readonly string[] | null {
  if (names === undefined) return null
  const { document, findings, data } = reading
  const { listen } = data
  const known = typeof listen === 'object' && !Array.isArray(listen) ? document.keysOf(['listen']) : []
  return names.flatMap((name, index) => {
    if (name === undefined) return []
    if (known.includes(name)) return [name]
    const suggestion = known.length === 0 ? 'name them: `listen: { internal: http://… }`' : nameHint(name, known)
    const place = document.place([...path, index])
    findings.error('unknown-name', place, { message: `no listener is called "${name}"`, suggestion })
    return []
  })
}

interface LongForm {
  readonly path: Path
  readonly on: readonly string[] | null
  readonly slashes: 'merge' | 'keep'
}

function readLong(reading: Reading, raw: RawMatch, { path, on, slashes }: LongForm): MatchConfig | null {
  const hosts = readEach(reading, { list: raw.hosts, path: [...path, 'hosts'], parse: parseHost })
  const paths = readEach(reading, {
    list: raw.paths,
    path: [...path, 'paths'],
    parse: (text) => parsePattern(text, { slashes }),
  })
  const parse = (method: string) => methodProblem(method) ?? method
  const methods = readEach(reading, { list: raw.methods, path: [...path, 'methods'], parse })
  const headers = readConditions(reading, raw.headers, [...path, 'headers'])
  const query = readConditions(reading, raw.query, [...path, 'query'])
  const fields = headers.map((header) => ({ ...header, name: header.name.toLowerCase() }))
  if (reading.document.has([...path, 'paths']) && raw.paths === undefined) return null
  return {
    on,
    hosts: hosts === null ? null : [...new Set(hosts)],
    paths: paths ?? [anyPath],
    methods: methods === null ? null : [...new Set(methods)],
    headers: fields,
    query,
  }
}

interface Each<Parsed> {
  readonly list: RawList<string> | undefined
  readonly path: Path
  readonly parse: (text: string) => Parsed | MatchProblem
}

function readEach<Parsed>(reading: Reading, { list, path, parse }: Each<Parsed>): Parsed[] | null {
  if (list === undefined) return null
  return list.flatMap((text, index) => {
    if (text === undefined) return []
    const parsed = parse(text)
    if (!isProblem(parsed)) return [parsed]
    report(reading, [...path, index], parsed)
    return []
  })
}

function report({ document, findings }: Reading, path: Path, { problem, suggestion, code }: MatchProblem): void {
  if (!document.isInterpolated(path)) {
    findings.error(code ?? 'bad-match', document.place(path), { message: problem, suggestion })
    return
  }
  // The problem may quote a part of it.
  findings.error(code ?? 'bad-match', document.place(path), `what ${document.shown(path)} stands for does not fit here`)
}

function readConditions(reading: Reading, raw: RawMap<RawCondition> | undefined, path: Path): FieldCondition[] {
  const seen = new Set<string>()
  const isHeader = path.at(-1) === 'headers'
  return Object.entries(raw ?? {}).flatMap(([name, condition]) => {
    const { document, findings } = reading
    const key = isHeader ? name.toLowerCase() : name
    if (isHeader && !isToken(name))
      findings.error('bad-match', document.keyPlace([...path, name]), `"${name}" is no header name`)
    if (seen.has(key))
      findings.error(
        'bad-match',
        document.keyPlace([...path, name]),
        `"${name}" is here twice: header names have no case`,
      )
    seen.add(key)
    const test = condition === undefined ? undefined : readTest(reading, condition, [...path, name])
    return test === undefined ? [] : [{ name, test }]
  })
}

function readTest(reading: Reading, condition: RawCondition, path: Path): FieldCondition['test'] | undefined {
  if (condition === true) return { kind: 'present' }
  if (typeof condition === 'string') return { kind: 'any-of', values: [condition] }
  if (isList(condition)) return { kind: 'any-of', values: condition.filter((value) => value !== undefined) }
  if (condition.prefix !== undefined) return { kind: 'prefix', prefix: condition.prefix }
  return condition.regex === undefined ? undefined : readRegex(reading, condition.regex, [...path, 'regex'])
}

function isList(condition: RawCondition): condition is RawList<string> {
  return Array.isArray(condition)
}

function readRegex({ document, findings }: Reading, source: string, path: Path): FieldCondition['test'] | undefined {
  try {
    RE2JS.compile(source)
    return { kind: 'regex', source }
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : 'unknown reason'
    const suggestion = /\(\?[=!<]|\\\d/.test(source) ? 'RE2 has no lookaround and no backreferences' : undefined
    findings.error('bad-regex', document.place(path), { message: `RE2 does not compile this: ${reason}`, suggestion })
    return undefined
  }
}
