/** What the admin listener shows of a running gateway. Reads, and asks for a reload; changes nothing itself. */
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { AdminSource, GatewayStatus, ReloadResult } from './admin/source.ts'
import { affinityText } from './config/balance.ts'
import type { Config, RouteAction, RouteConfig } from './config/config.ts'
import { glance } from './config/unread.ts'
import { type DescribedRequest, DescriptionError } from './explain/described-request.ts'
import { type ExplainAnswer, requestFromJson } from './explain/question.ts'
import type { Metrics } from './observe/metrics.ts'
import { NodeMetrics } from './observe/node-metrics.ts'
import { inPieces } from './pace.ts'
import { Problem } from './problem.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/** The gateway as its view sees it. */
export interface Viewed {
  readonly current: Config
  /** The config as YAML text, secrets as their placeholders. */
  readonly redacted: Uint8Array
  readonly generation: number
  readonly workers: GatewayStatus['workers']
  readonly lastReload: GatewayStatus['lastReload']
  readonly isReady: boolean
  readonly targets: {
    all(): Promise<readonly object[]>
    drain(upstream: string, target: string, verb: 'drain' | 'undrain'): Promise<object | null>
  }
  reload(): Promise<ReloadResult>
  explain(request: DescribedRequest): Promise<ExplainAnswer>
  purge: NonNullable<AdminSource['purge']>
  /** Brings readings up to date that can only be had asynchronously. */
  refresh(): Promise<void>
}

const unzipped = promisify(gunzip)

export class GatewayView implements AdminSource {
  readonly #gateway: Viewed
  readonly #metrics: Metrics
  readonly #node = new NodeMetrics()
  readonly #startedAt = new Date()

  constructor(gateway: Viewed, metrics: Metrics) {
    this.#gateway = gateway
    this.#metrics = metrics
  }

  status(): GatewayStatus {
    const { current, generation, workers, lastReload } = this.#gateway
    return {
      version,
      node: process.version,
      generation,
      configHash: current.hash,
      configFile: current.file,
      startedAt: this.#startedAt.toISOString(),
      uptime: Math.round((Date.now() - this.#startedAt.getTime()) / 1000),
      threads: workers.length,
      workers,
      lastReload,
    }
  }

  async routes(): Promise<readonly object[]> {
    const { routes, routeLines } = this.#gateway.current
    const shown: object[] = []
    await inPieces(routes, (route) => shown.push({ ...shownRoute(glance(route)), line: routeLines[shown.length] }))
    return shown
  }

  routeNames(): readonly string[] {
    return this.#gateway.current.routes.map(({ name }) => name)
  }

  upstreams(): Promise<readonly object[]> {
    return this.#gateway.targets.all()
  }

  drain(upstream: string, target: string, verb: 'drain' | 'undrain'): Promise<object | null> {
    return this.#gateway.targets.drain(upstream, target, verb)
  }

  async config(): Promise<string> {
    return (await unzipped(this.#gateway.redacted)).toString('utf8')
  }

  reload(): Promise<ReloadResult> {
    return this.#gateway.reload()
  }

  async explain(body: unknown): Promise<object> {
    const answer = await this.#gateway.explain(described(body))
    if ('problem' in answer) throw new Problem('bad-request', answer.problem)
    return answer.explanation
  }

  purge(asked: Parameters<Viewed['purge']>[0]): ReturnType<Viewed['purge']> {
    return this.#gateway.purge(asked)
  }

  ready(): boolean {
    return this.#gateway.isReady
  }

  async metrics(): Promise<{ contentType: string; text: AsyncIterable<string> }> {
    await this.#gateway.refresh()
    return { contentType: this.#node.contentType, text: this.#exposition() }
  }

  async *#exposition(): AsyncGenerator<string> {
    yield* this.#metrics.pieces()
    yield await this.#node.text()
  }
}

function described(body: unknown): DescribedRequest {
  try {
    return requestFromJson(body)
  } catch (error) {
    if (error instanceof DescriptionError) throw new Problem('bad-request', error.message)
    throw error
  }
}

function shownRoute({ name, match, action, chain, public: reason }: RouteConfig): object {
  return {
    name,
    on: match.on,
    hosts: match.hosts,
    paths: match.paths.map((pattern) => pattern.text),
    methods: match.methods,
    ...destinationOf(action),
    action: action.kind,
    plugins: chain.map(glance).map((item) => (item.kind === 'any' ? 'any' : item.plugin.name)),
    public: reason ?? null,
  }
}

/** As the file says it: one upstream, or the list of a split. */
function destinationOf(action: RouteAction): object {
  if (action.kind !== 'forward') return { upstream: null }
  const { upstreams, splitBy } = action
  if (upstreams.length === 1) return { upstream: upstreams[0]!.upstream }
  return { upstream: upstreams, split: splitBy === null ? null : { by: affinityText(splitBy) } }
}
