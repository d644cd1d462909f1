/** gateway.yaml → a frozen Config, or everything that is wrong with it. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { chainItems } from './chain-entry.ts'
import { Chains } from './chains.ts'
import type { ChainItem, Config, RouteConfig } from './config.ts'
import { readConsumers } from './consumers.ts'
import type { Diagnostic, Position } from './diagnostic.ts'
import { readDns } from './dns.ts'
import { ConfigDocument } from './document.ts'
import { readLimits, readShutdown, readTrustedProxies } from './edge.ts'
import { Findings } from './findings.ts'
import { deepFreeze } from './freeze.ts'
import { readListeners } from './listeners.ts'
import { outlineOf } from './outline.ts'
import { readPlain } from './plain.ts'
import { type LoadedPlugin, PluginCatalog } from './plugin-catalog.ts'
import type { RawConfig } from './raw.ts'
import { Reading } from './reading.ts'
import { readRoutes } from './routes.ts'
import { hideSecrets } from './secret-options.ts'
import { type Interpolation, reasonOf } from './secrets.ts'
import { hideStoreUrl, readStore } from './store.ts'
import { readReload, readTests } from './tests.ts'
import { readThreads } from './threads.ts'
import { Upstreams } from './upstreams.ts'
import { validate } from './validate.ts'

export interface LoadOptions {
  /** Where `${env:…}` looks; the process's own without it. */
  readonly env?: NodeJS.ProcessEnv
  /** False: plugins by path or package are not imported, and a warning says so. */
  readonly userPlugins?: boolean
  /** The name of the file in diagnostics; the path without it. */
  readonly shownAs?: string
}

export interface PublicRoute {
  readonly route: string
  readonly reason: string
  readonly at: Position
}

export interface SharedCache {
  readonly route: string
  readonly at: Position
}

export interface LoadedConfig {
  readonly config: Config
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[]
  readonly publicRoutes: readonly PublicRoute[]
  /** Routes whose cache answers one consumer with what another was given. */
  readonly sharedCaches: readonly SharedCache[]
  /** By `PluginRef.url`. */
  readonly plugins: ReadonlyMap<string, LoadedPlugin>
  readonly document: ConfigDocument
  /** What placeholders in the file stand for: to be shown as written. */
  readonly interpolated: readonly Interpolation[]
  /** Absolute paths of the files that were read for it, its own first. */
  readonly files: readonly string[]
}

export interface RefusedConfig {
  readonly config: null
  readonly diagnostics: readonly Diagnostic[]
  readonly document: ConfigDocument
  readonly files: readonly string[]
}

export type LoadResult = LoadedConfig | RefusedConfig

/** Loads a file. `catalog` holds what Node's module cache holds: who reloads passes the same one again. */
export async function loadConfig(
  file: string,
  options: LoadOptions = {},
  catalog: PluginCatalog = new PluginCatalog(),
): Promise<LoadResult> {
  const { env = process.env, userPlugins = true, shownAs = file } = options
  const findings = new Findings()
  const path = resolve(file)
  const text = readText(path, shownAs, findings)
  const document = new ConfigDocument(shownAs, text ?? '', findings)
  if (text !== null && document.root === null && !findings.hasErrors) {
    findings.error('empty-file', document.place([]), 'the file holds no config')
  }
  if (document.root === null) return { config: null, diagnostics: findings.sorted, document, files: [path] }

  const folder = dirname(path)
  const { data, interpolated } = readPlain(document, { env, folder }, findings)
  findings.conceal(interpolated)
  hideSecrets(document, catalog.base, [])
  hideStoreUrl(document)
  validate(catalog.base, { document, findings, path: [], data })
  const reading = new Reading({ document, findings, data: isMap(data) ? data : {}, folder })

  const chains = await Chains.read(reading, catalog, { folder, userPlugins })
  const parts = readParts(reading, chains)
  const files = [path, ...reading.paths]
  if (findings.hasErrors || parts.admin === undefined) {
    return { config: null, diagnostics: findings.sorted, document, files }
  }

  const { plugins } = chains
  const digests = [...plugins.values()].map(({ ref }) => `${ref.name} ${ref.digest ?? ''}`)
  const values = interpolated.map(({ value }) => value)
  const hash = hashOf([text!, ...values, ...reading.files, ...digests])
  const items = [...new Set([...parts.plugins, ...parts.routes.flatMap(({ chain }) => chain)])]
  const outline = outlineOf({ ...parts, items }, plugins, findings)
  if (findings.hasErrors) return { config: null, diagnostics: findings.sorted, document, files }
  const config: Config = deepFreeze({ file: path, hash, ...parts, items, admin: parts.admin, outline })
  return {
    config,
    diagnostics: findings.sorted,
    publicRoutes: config.routes.flatMap((route) => publicRoute(route, document)),
    sharedCaches: config.routes.flatMap(sharedCache),
    plugins,
    document,
    interpolated,
    files,
  }
}

function readText(path: string, shownAs: string, findings: Findings): string | null {
  const place = { path: '', at: { file: shownAs, line: 1, column: 1, endColumn: 2 } }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    const reason = error instanceof TypeError ? 'it is not UTF-8' : reasonOf(error)
    findings.error('unreadable-file', place, `cannot read ${shownAs}: ${reason}`)
    return null
  }
}

/** Every section is read, whatever is wrong with the others: all findings come at once. */
function readParts(reading: Reading, chains: Chains) {
  const { listeners, admin } = readListeners(reading)
  const upstreams = new Upstreams(reading)
  const routes = readRoutes(reading, { chains, upstreams, listeners })
  const global = chains.global
  const limits = readLimits(reading)
  return {
    name: reading.data.name,
    listeners,
    admin,
    store: readStore(reading),
    threads: readThreads(reading, { limits, upstreams: upstreams.all }),
    trustedProxies: readTrustedProxies(reading),
    limits,
    shutdown: readShutdown(reading),
    dns: readDns(reading),
    consumers: readConsumers(reading),
    upstreams: upstreams.all,
    plugins: reading.findings.hasErrors ? [] : chainItems(global),
    routes,
    routeLines: routes.map(({ name }) => reading.document.keyPlace(['routes', name]).at.line),
    tests: readTests(reading, { listeners: listeners.map(({ name }) => name), upstreams: upstreams.all }),
    reload: readReload(reading),
  }
}

function isMap(data: unknown): data is RawConfig {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}

function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256')
  // Lengths keep one part's end from passing for the next one's beginning.
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return `sha256:${hash.digest('hex')}`
}

function publicRoute({ name, public: reason }: RouteConfig, document: ConfigDocument): PublicRoute[] {
  return reason === undefined ? [] : [{ route: name, reason, at: document.keyPlace(['routes', name]).at }]
}

function sharedCache({ name, chain }: RouteConfig): SharedCache[] {
  const cache = chain.find((item) => isSharedCache(item))
  return cache === undefined ? [] : [{ route: name, at: cache.at }]
}

function isSharedCache(item: ChainItem): boolean {
  return item.kind === 'plugin' && item.plugin.name === 'cache' && item.options['shared'] === true
}

export { redactedSource } from './redaction.ts'
