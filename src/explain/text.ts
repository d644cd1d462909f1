/** An explanation for people, read from top to bottom: what came, who got it, what each plugin said, what leaves. */
import type { ExplainedSplit, Explanation } from './explanation.ts'
import type { ExplainedPlugin } from './plugins.ts'
import { reasonText } from './words.ts'

export function explanationText(explanation: Explanation): string {
  const sections = [
    requestLines(explanation),
    routeLines(explanation),
    pluginLines(explanation),
    upstreamLines(explanation),
    answerLines(explanation),
    explanation.notSimulated.map((note) => `not simulated: ${note}`),
  ]
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function requestLines({ request, consumer, aliasing }: Explanation): string[] {
  const { method, url, listener, host, path, query, client, peer, upgrade } = request
  const through = client === peer ? '' : `, through the proxy ${peer}`
  return [
    `${method} ${url}`,
    `  arrives    on ${listener}, from ${client}${through}${upgrade ? ', as a WebSocket' : ''}`,
    `  host       ${host ?? '(none)'}`,
    `  path       ${path}${query}${url.endsWith(path + query) ? '' : '  (normalised)'}`,
    ...(aliasing.verdict === 'none' ? [] : [aliasingLine(aliasing)]),
    `  consumer   ${consumer === null ? 'nobody' : `${consumer.id ?? '(without a name)'}${listed(' in ', consumer.groups)}${listed(' with ', consumer.scopes)}`}`,
  ]
}

function aliasingLine({ verdict, route }: Explanation['aliasing']): string {
  const said = verdict === 'allowed' ? 'which `aliasing: allow` lets through' : 'which is refused'
  return `  ambiguous  an upstream could read the path as one of route ${route}, ${said}`
}

function listed(before: string, names: readonly string[]): string {
  return names.length === 0 ? '' : before + names.join(', ')
}

function routeLines({ route, candidates }: Explanation): string[] {
  const title = `route        ${route ?? 'none'}`
  if (candidates.length === 0) return route === null ? [`${title}: no route has this path`] : [title]
  const names = candidates.map((one) => one.route)
  const patterns = candidates.map(({ host, pattern }) => (host ?? '') + pattern)
  const width = widthOf(names)
  const patternWidth = widthOf(patterns)
  const lines = candidates.map(({ lost }, index) => {
    const mark = lost === null ? '✓' : '✗'
    const why = lost === null ? 'matches' : `${lost.stage}: ${lost.why}`
    return `  ${mark} ${names[index]!.padEnd(width)}  ${patterns[index]!.padEnd(patternWidth)}  ${why}`
  })
  return [title, ...lines]
}

const marks = { pass: '✓', refuse: '✗', answer: '✓', skip: '–', 'not-reached': '–' } as const

function pluginLines({ plugins }: Explanation): string[] {
  if (plugins.length === 0) return []
  const width = widthOf(plugins.map(({ plugin }) => plugin))
  return [
    'plugins',
    ...plugins.map((one) => `  ${marks[one.verdict]} ${one.plugin.padEnd(width)}  ${pluginText(one)}`.trimEnd()),
  ]
}

function pluginText({ plugin, verdict, reason, mode, inputs }: ExplainedPlugin): string {
  if (verdict === 'not-reached') return 'not reached'
  const observes = mode === 'observe'
  const before = verdict === 'answer' ? 'answers: ' : verdict === 'refuse' && observes ? 'would refuse: ' : ''
  const said = reason === null ? 'runs' : reasonText(plugin, reason)
  const from = Object.entries(inputs).filter(([, value]) => !isNothing(value))
  const told = from.map(([name, value]) => `${name} ${name === 'key' ? keyText(value) : shown(value)}`)
  return `${before}${said}${told.length === 0 ? '' : `  (${told.join(', ')})`}${observes ? '  (only observes)' : ''}`
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0)
}

/** Counters begin their keys with what kind they are: `=` a name, `@` an address. */
function keyText(key: unknown): string {
  return shown(key).replace(/^[=@]/, '')
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(' ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function upstreamLines({ upstream, request }: Explanation): string[] {
  if (upstream === null) return []
  const several = upstream.targets.length > 1 ? '  (one of these)' : ''
  const body = { none: [], length: ['    the body, as long as the client says'], chunked: ['    the body, in chunks'] }
  return [
    `upstream     ${upstream.name}${several}`,
    ...(upstream.split === null ? [] : [splitLine(upstream.split)]),
    ...upstream.targets.map(({ target, line }) => `  → ${target}  ${line}`),
    ...upstream.leftOut.map((target) => `  ✗ ${target}  takes no requests now`),
    ...upstream.headers.map(({ name, value, change }) => `  ${changeMark[change]} ${name}: ${value}`),
    ...upstream.removed
      .filter((name) => !(request.upgrade && (name === 'connection' || name === 'upgrade')))
      .map((name) => `  - ${name}`),
    ...(request.upgrade ? ['  + connection: Upgrade', '  + upgrade: websocket'] : body[upstream.body]),
  ]
}

function splitLine({ shares, by }: ExplainedSplit): string {
  const parts = shares.map(({ upstream, weight }) => `${upstream} ${weight}`).join(', ')
  return `  of ${parts}: ${by === null ? 'by chance, so this is the likeliest' : `decided by ${by}`}`
}

const changeMark = { kept: ' ', added: '+', changed: '~' } as const

function answerLines({ verdict, status, code, detail, decidedBy, answer }: Explanation): string[] {
  const changes = answer.removed.map((name) => `  - ${name}`)
  if (verdict === 'forward') {
    const set = answer.headers.map(({ name, value }) => `  + ${name}: ${value}`)
    return ["answer       the upstream's", ...set, ...changes]
  }
  const title = verdict === 'refuse' ? `${status} ${code}, by ${decidedBy}` : `${status}, by ${decidedBy}`
  const headers = answer.headers.map(({ name, value }) => `    ${name}: ${value}`)
  return [`answer       ${title}`, ...(detail === null ? [] : [`  ${detail}`]), ...headers]
}

function widthOf(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length))
}
