/** Routes and requests as the table sees them. */
import type { MatchConfig, RouteConfig } from '../../src/config/config.ts'
import type { RequestFacts } from '../../src/exchange/exchange.ts'
import type { ChainTraits } from '../../src/routing/leaf.ts'

export interface TestRoute extends RouteConfig {
  readonly demands: readonly string[]
  readonly preflight: boolean
}

/** What a route of these tests says of its chain itself. */
export const traits: ChainTraits = {
  answersPreflights: (route) => (route as TestRoute).preflight,
  demandsOf: (route) => new Set((route as TestRoute).demands),
}

interface Options {
  readonly match?: Partial<MatchConfig>
  readonly demands?: readonly string[]
  readonly fallthrough?: boolean
  readonly preflight?: boolean
}

export function route(name: string, path: string, options: Options = {}): TestRoute {
  const match: MatchConfig = {
    on: null,
    hosts: null,
    paths: [pattern(path)],
    methods: null,
    headers: [],
    query: [],
    ...options.match,
  }
  const { fallthrough = false, preflight = false, demands = [] } = options
  return { name, match, fallthrough, preflight, demands } as unknown as TestRoute
}

function pattern(text: string): MatchConfig['paths'][number] {
  const parts = text.slice(1).split('/')
  const wildcard = parts.at(-1) === '*'
  const segments = (wildcard ? parts.slice(0, -1) : parts).map((part) =>
    part.startsWith('{') ? { parameter: part.slice(1, -1) } : { literal: part },
  )
  return { text, segments, wildcard }
}

export function request(method: string, path: string, more: Partial<RequestFacts> = {}): RequestFacts {
  return {
    listener: { name: 'main', protocol: 'http' },
    method,
    rawHeaders: [],
    authority: 'api.example.com',
    host: 'api.example.com',
    path,
    query: '',
    scheme: 'http',
    clientAddress: '192.0.2.1',
    peerAddress: '192.0.2.1',
    trusted: false,
    id: 'id',
    body: { kind: 'none' },
    expectsContinue: false,
    upgrade: false,
    ...more,
  }
}
