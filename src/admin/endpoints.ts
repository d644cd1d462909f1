/** The paths of the admin listener, one function each. */
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../problem.ts'
import { contentSecurityPolicy, indexPage } from './index-page.ts'
import { purge } from './purge.ts'
import type { AdminSource } from './source.ts'

export interface AdminEndpoint {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly answer: (request: FastifyRequest, reply: FastifyReply) => unknown
}

export function endpoints(source: AdminSource): readonly AdminEndpoint[] {
  const { explain, upstreams, drain } = source
  const list: AdminEndpoint[] = [
    { method: 'GET', path: '/healthz', answer: () => ({ alive: true }) },
    { method: 'GET', path: '/readyz', answer: (_, reply) => readiness(source, reply) },
    { method: 'GET', path: '/metrics', answer: (_, reply) => exposition(source, reply) },
    { method: 'GET', path: '/api/status', answer: () => source.status() },
    { method: 'GET', path: '/api/routes', answer: async () => ({ routes: await source.routes() }) },
    { method: 'GET', path: '/api/config', answer: (request, reply) => configuration(source, request, reply) },
    { method: 'POST', path: '/api/reload', answer: (_, reply) => reload(source, reply) },
  ]
  if (upstreams !== undefined) {
    list.push({
      method: 'GET',
      path: '/api/upstreams',
      answer: async () => ({ upstreams: await upstreams.call(source) }),
    })
  }
  for (const verb of drain === undefined ? [] : (['drain', 'undrain'] as const)) {
    const path = `/api/upstreams/:upstream/targets/:target/${verb}`
    list.push({ method: 'POST', path, answer: (request) => drainTarget(source, request, verb) })
  }
  if (explain !== undefined) {
    list.push({ method: 'POST', path: '/api/explain', answer: (request) => explain.call(source, request.body) })
  }
  if (source.purge !== undefined) {
    list.push({ method: 'POST', path: '/api/cache/purge', answer: (request) => purge(source, request.body) })
  }
  const readable = list.filter(({ method }) => method === 'GET').map(({ path }) => path)
  list.push({ method: 'GET', path: '/', answer: (_, reply) => index(source, reply, readable) })
  list.push({ method: 'GET', path: '/api/events', answer: events })
  return list
}

async function drainTarget(
  source: AdminSource,
  { params }: FastifyRequest,
  verb: 'drain' | 'undrain',
): Promise<object> {
  const { upstream, target } = params as { readonly upstream: string; readonly target: string }
  const result = await source.drain!(upstream, target, verb)
  if (result === null) throw new Problem('route-not-found', 'The configuration has no such target.')
  return result
}

/** Planned: refused by name, like what the file has a place for. */
function events(): never {
  throw new Problem('not-supported', 'A stream of live requests is not supported yet.')
}

function readiness(source: AdminSource, reply: FastifyReply): object {
  if (source.ready()) return { ready: true }
  reply.code(503)
  return { ready: false, reason: 'The gateway is starting or shutting down.' }
}

async function exposition(source: AdminSource, reply: FastifyReply): Promise<FastifyReply> {
  const { contentType, text } = await source.metrics()
  return reply.type(contentType).send(typeof text === 'string' ? text : Readable.from(text, { objectMode: false }))
}

/** YAML as in the file; wrapped as `{ source }` for who asks for JSON only. */
async function configuration(source: AdminSource, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const accept = request.headers.accept ?? ''
  if (accept.includes('application/json') && !accept.includes('yaml')) return { source: await source.config() }
  return reply.type('application/yaml; charset=utf-8').send(await source.config())
}

async function reload(source: AdminSource, reply: FastifyReply): Promise<object> {
  const result = await source.reload()
  if (result.ok) return { generation: result.generation, changed: result.changed }
  reply.code(422)
  return { diagnostics: result.diagnostics }
}

function index(source: AdminSource, reply: FastifyReply, paths: readonly string[]): FastifyReply {
  return reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', contentSecurityPolicy)
    .send(indexPage(source.status(), source.routeNames().length, paths))
}
