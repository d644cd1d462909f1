/** The admin listener: health, readiness, metrics, what runs, and reload. A Fastify of its own; never serves traffic. */
import type { AddressInfo } from 'node:net'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { requestId } from '../exchange/request-id.ts'
import type { Log } from '../plugin.ts'
import { Problem } from '../problem.ts'
import { type AdminEndpoint, endpoints } from './endpoints.ts'
import { answerBrokenBytes, problemOf, sendProblem } from './errors.ts'
import { createGuard, type GuardOptions } from './guard.ts'
import type { AdminSource } from './source.ts'

const BODY_LIMIT = 64 * 1024
const REQUEST_TIMEOUT_MS = 30_000
const MAX_CONNECTIONS = 1024
const LONGEST_PARAMETER = 2048

export interface AdminServerOptions extends GuardOptions {
  readonly log: Log
}

export class AdminServer {
  readonly #app: FastifyInstance

  constructor(source: AdminSource, options: AdminServerOptions) {
    this.#app = createApp(options)
    const paths = endpoints(source)
    addRoutes(this.#app, paths)
    refuseTheRest(this.#app, paths)
  }

  /** Binds the address. Rejects with Node's error, such as EADDRINUSE. */
  async listen(address: { readonly host: string; readonly port: number; readonly reusePort?: boolean }): Promise<void> {
    await this.#app.listen(address)
    this.#app.server.maxConnections = MAX_CONNECTIONS
  }

  /** Where it is bound; throws before `listen`. */
  get address(): { readonly host: string; readonly port: number } {
    const bound = this.#app.server.address() as AddressInfo | null
    if (bound === null) throw new Error('the admin listener is not bound')
    return { host: bound.address, port: bound.port }
  }

  /** Gives the address free at once; requests that have begun finish. `close` is still owed. */
  release(): void {
    this.#app.server.close()
  }

  /** Finishes the requests that have begun. */
  async close(): Promise<void> {
    await this.#app.close()
  }
}

function createApp(options: AdminServerOptions): FastifyInstance {
  const { log } = options
  const guard = createGuard(options)
  const app = fastify({
    logger: false,
    // A target may be named by its URL.
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    genReqId: requestId,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // Node's own answer to a missing Host is bare; the guard's is a problem.
    http: { requireHostHeader: false },
    clientErrorHandler: answerBrokenBytes,
    frameworkErrors: (error, request, reply) => sendProblem(reply, request.id, problemOf(error, log)),
  })
  app.removeAllContentTypeParsers()
  const readJson = app.getDefaultJsonParser('error', 'error')
  // Many clients name the type of a body that they do not send.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null) : readJson(request, body as string, done),
  )
  app.setErrorHandler((error, request, reply) => sendProblem(reply, request.id, problemOf(error, log)))
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(commonHeaders)
    guard(request.raw, pathOf(request))
  })
  return app
}

const commonHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
}

function addRoutes(app: FastifyInstance, paths: readonly AdminEndpoint[]): void {
  for (const { method, path, answer } of paths) app.route({ method, url: path, handler: answer })
}

/** Everything that is no endpoint: 405 where the path is one for another method, else 404. */
function refuseTheRest(app: FastifyInstance, paths: readonly AdminEndpoint[]): void {
  app.setNotFoundHandler((request) => {
    const methods = paths.filter(({ path }) => covers(path, pathOf(request))).map(({ method }) => method)
    if (methods.length === 0) throw new Problem('route-not-found', 'The admin listener has no such path.')
    const allow = methods.includes('GET') ? ['GET', 'HEAD', ...methods.filter((method) => method !== 'GET')] : methods
    throw new Problem('method-not-allowed', `This path takes ${allow.join(', ')}.`, {
      headers: ['allow', allow.join(', ')],
    })
  })
}

/** Whether a path is one of the endpoint's, in which `:name` is any segment. */
function covers(pattern: string, path: string): boolean {
  const segments = path.split('/')
  const expected = pattern.split('/')
  return (
    segments.length === expected.length &&
    expected.every((part, index) => (part.startsWith(':') ? segments[index] !== '' : part === segments[index]))
  )
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]!
}
