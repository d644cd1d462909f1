/** `sluice routes`: the routes of a config as a table. */
import { resolve } from 'node:path'
import { affinityText } from '../config/balance.ts'
import type { ChainItem, Config, RouteAction, RouteConfig } from '../config/config.ts'
import { renderDiagnostics } from '../config/diagnostic.ts'
import { loadConfig } from '../config/load.ts'
import { type ExitCode, type Io, readArguments } from './arguments.ts'
import { routesManual } from './manual/routes.ts'

/** One route in words. */
export interface RouteRow {
  readonly route: string
  readonly listeners: readonly string[]
  /** Empty: all but CONNECT and TRACE. */
  readonly methods: readonly string[]
  /** Empty: every host. */
  readonly hosts: readonly string[]
  readonly paths: readonly string[]
  /** Header and query conditions. */
  readonly conditions: readonly string[]
  readonly chain: readonly string[]
  readonly action: string
  /** Why it is public; null: its chain authenticates. */
  readonly public: string | null
}

export async function runRoutes(args: readonly string[], io: Io): Promise<ExitCode> {
  const read = readArguments(args, routesManual, io)
  if (read === null) return 2
  const file = String(read.values['config'])
  const userPlugins = read.values['no-plugins'] !== true
  const result = await loadConfig(resolve(io.cwd, file), { env: io.env, userPlugins, shownAs: file })
  if (result.config === null) {
    io.stderr(renderDiagnostics(result.diagnostics, result.document))
    return 1
  }
  const rows = routeRows(result.config)
  io.stdout(read.values['json'] === true ? `${JSON.stringify(rows, null, 2)}\n` : table(rows))
  return 0
}

/** The routes of a config in file order. */
export function routeRows(config: Config): RouteRow[] {
  const listeners = config.listeners.map(({ name }) => name)
  return config.routes.map((route) => rowOf(route, listeners))
}

function rowOf({ name, match, chain, action, public: reason }: RouteConfig, listeners: readonly string[]): RouteRow {
  return {
    route: name,
    listeners: match.on ?? listeners,
    methods: match.methods ?? [],
    hosts: match.hosts ?? [],
    paths: match.paths.map(({ text }) => text),
    conditions: [
      ...match.headers.map((condition) => `header ${condition.name}`),
      ...match.query.map((condition) => `query ${condition.name}`),
    ],
    chain: chain.map(itemText),
    action: actionText(action),
    public: reason ?? null,
  }
}

function itemText(item: ChainItem): string {
  if (item.kind === 'any') return `any(${item.members.map(itemText).join(' or ')})${item.optional ? '?' : ''}`
  const marks = `${item.optional ? '?' : ''}${item.mode === 'observe' ? ' (observe)' : ''}`
  return `${item.plugin.name}${marks}`
}

function actionText(action: RouteConfig['action']): string {
  switch (action.kind) {
    case 'forward':
      return `→ ${upstreamText(action)}${action.rewrite === undefined ? '' : ` ${action.rewrite}`}`
    case 'respond':
      return `${action.status}`
    case 'redirect':
      return `${action.status} ${action.location}`
  }
}

function upstreamText({ upstreams, splitBy }: Extract<RouteAction, { kind: 'forward' }>): string {
  if (upstreams.length === 1) return upstreams[0]!.upstream
  const total = upstreams.reduce((sum, { weight }) => sum + weight, 0)
  const shares = upstreams.map(({ upstream, weight }) => `${upstream} ${Number(((100 * weight) / total).toFixed(2))}%`)
  return `${shares.join(', ')}${splitBy === null ? '' : ` by ${affinityText(splitBy)}`}`
}

function table(rows: readonly RouteRow[]): string {
  const headings = ['route', 'on', 'methods', 'hosts', 'paths', 'chain', 'action', 'public because']
  const cells = rows.map((row) => [
    row.route,
    row.listeners.join(','),
    row.methods.join(',') || 'any',
    row.hosts.join(',') || 'any',
    [...row.paths, ...row.conditions.map((condition) => `+ ${condition}`)].join(' '),
    row.chain.join(', ') || '–',
    row.action,
    row.public ?? '',
  ])
  const widths = headings.map((heading, column) => Math.max(heading.length, ...cells.map((row) => row[column]!.length)))
  const lines = [headings, ...cells].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}
