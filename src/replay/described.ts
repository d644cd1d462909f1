/** A logged request, described so that it can be decided about again. */
import type { Config } from '../config/config.ts'
import type { AssumedIdentity } from '../exchange/consumer.ts'
import type { DescribedRequest } from '../explain/described-request.ts'
import type { LoggedConsumer, LogRecord } from './record.ts'
import { shownInLog } from './shown.ts'

export class Describer {
  readonly #listeners: ReadonlySet<string>
  readonly #consumers: ReadonlyMap<string, Config['consumers'][number]>

  constructor(config: Config) {
    this.#listeners = new Set(config.listeners.map(({ name }) => name))
    this.#consumers = new Map(config.consumers.map((consumer) => [consumer.name, consumer]))
  }

  describe(record: LogRecord): DescribedRequest {
    const { method, path, query, host, listener, client, received, consumer } = record
    return {
      method,
      url: asksAboutGateway(record) ? '*' : path + query,
      headers: host === null ? headersOf(record) : ['host', host, ...headersOf(record)],
      http: host === null ? '1.0' : '1.1',
      ip: client,
      listener: this.#listeners.has(listener) ? listener : undefined,
      bodyLength: received > 0 ? received : undefined,
      identity: consumer === null ? undefined : this.#identity(consumer),
    }
  }

  /** Undefined: the new config does not know this consumer any more, and refuses the same credentials. */
  #identity({ source, name, id }: LoggedConsumer): AssumedIdentity | undefined {
    const configured = name === null ? undefined : this.#consumers.get(name)
    if (source !== 'jwt' && configured === undefined) return undefined
    const groups = configured?.groups ?? []
    // What else the token said is not logged: what a plugin demands of it is taken as met.
    return { consumer: { source, name, id, groups, scopes: [], claims: {} }, claims: null }
  }
}

/** `OPTIONS *`, which is answered without a route. */
function asksAboutGateway({ method, path, route, code, source }: LogRecord): boolean {
  return method === 'OPTIONS' && path === '/' && route === null && code === null && source === 'gateway'
}

function headersOf({ headers }: LogRecord): string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (name === 'host' || name === 'content-length' || name === 'transfer-encoding') return []
    // The identity in the record stands for the secret ones.
    return shownInLog(value).flatMap((one) => [name, one])
  })
}
