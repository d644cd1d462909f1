/** The chain of a route of Kong's: its plugins of every scope, in the order in which they run there. */
import type { DraftItem } from './draft.ts'
import { type JwtCredential, referenced } from './kong.ts'
import { itemsOfKong, type Mapped, terminationOf } from './kong-items.ts'
import { mapOf, mapsOf, type Source, textOf } from './source.ts'

/** By when they run; whoever is not in the list is not known here. */
const order = [
  'cors',
  'ip-restriction',
  'key-auth',
  'jwt',
  'acl',
  'request-size-limiting',
  'rate-limiting',
  'request-transformer',
  'response-transformer',
  'proxy-cache',
]

/** Without them nothing is open that was closed. */
const harmless =
  /^(prometheus|.*-log|loggly|syslog|datadog|statsd|zipkin|opentelemetry|correlation-id|grpc-.*|aws-.*tracing|response-ratelimiting|ai-.*|proxy-cache.*|acme|session)$/

/** What `metrics` and `access-log` do here, for every route. */
const replaced = /^(prometheus|file-log)$/

/** What a plugin of one consumer may be without shutting that consumer out. */
const mild =
  /^(rate-limiting|response-ratelimiting|request-transformer|response-transformer|proxy-cache|request-size-limiting)$/

export interface KongChain {
  readonly items: readonly DraftItem[]
  readonly authenticates: boolean
  readonly closed: string | undefined
  /** What `request-termination` answers in place of an upstream. */
  readonly respond: object | undefined
  readonly notes: readonly string[]
}

export class KongPlugins {
  readonly #all: readonly Source[]
  readonly #jwt: readonly JwtCredential[]

  constructor(source: Source, jwt: readonly JwtCredential[]) {
    this.#all = mapsOf(source['plugins']).filter(isOn)
    this.#jwt = jwt
  }

  /** The plugin of a consumer's own that keeps it out of something; null: there is none. */
  static restricting(consumer: Source, source: Source): string | null {
    const name = textOf(consumer['username']) ?? textOf(consumer['custom_id'])
    const apart = mapsOf(source['plugins']).filter((one) => referenced(one['consumer']) === name)
    const own = [...mapsOf(consumer['plugins']), ...apart].filter(isOn)
    const strict = own.find((plugin) => !mild.test(nameOf(plugin)) && !harmless.test(nameOf(plugin)))
    return strict === undefined ? null : nameOf(strict)
  }

  get scopedToConsumers(): string[] {
    const scoped = this.#all.filter((plugin) => plugin['consumer'] != null || plugin['consumer_group'] != null)
    return scoped.map((plugin) => `the plugin ${nameOf(plugin)} of one consumer is not imported`)
  }

  chainFor(route: Source, service: Source | null): KongChain {
    const effective = this.#effective(route, service)
    const notes: string[] = []
    const closers: string[] = []
    const mapped = new Map<string, Mapped>()
    const ending = effective.get('request-termination')
    const respond = ending === undefined ? undefined : terminationOf(mapOf(ending['config']))
    if (typeof respond === 'string') closers.push(respond)
    for (const [name, plugin] of effective) {
      if (order.includes(name)) mapped.set(name, itemsOfKong(name, mapOf(plugin['config']), this.#jwt))
      else if (replaced.test(name) || name === 'request-termination') continue
      else if (harmless.test(name)) notes.push(`the plugin ${name} is not imported`)
      else closers.push(`the plugin ${name} cannot be imported`)
    }
    const parts = order.flatMap((name) => mapped.get(name) ?? [])
    for (const part of parts) {
      notes.push(...part.notes)
      if (part.closed !== undefined) closers.push(part.closed)
    }
    const signsIn = ['key-auth', 'jwt'].filter((name) => mapped.has(name))
    const anonymous = signsIn.filter((name) => mapOf(effective.get(name)?.['config'])['anonymous'] != null)
    if (anonymous.length > 0) notes.push('Kong lets anonymous requests through here; this does not')
    if (mapped.has('acl') && signsIn.length === 0) closers.push('acl stands here without an authenticator')
    const items = anonymous.length === 2 ? joined(order, mapped) : parts.flatMap(({ items }) => items)
    return {
      items,
      authenticates: signsIn.length > 0,
      closed: closers[0],
      respond: typeof respond === 'object' ? respond : undefined,
      notes: [...new Set(notes)],
    }
  }

  /** One of a name: the route's, else the service's, else the one for all. */
  #effective(route: Source, service: Source | null): Map<string, Source> {
    const found = new Map<string, Source>()
    const isOf = (plugin: Source, kind: 'route' | 'service', subject: Source | null) => {
      const name = referenced(plugin[kind])
      return name !== undefined && subject !== null && (name === subject['name'] || name === subject['id'])
    }
    const free = this.#all.filter((plugin) => plugin['consumer'] == null && plugin['consumer_group'] == null)
    const add = (plugins: readonly Source[]) => {
      for (const plugin of plugins) found.set(nameOf(plugin), plugin)
    }
    add(free.filter((plugin) => plugin['route'] == null && plugin['service'] == null))
    add(free.filter((plugin) => plugin['route'] == null && isOf(plugin, 'service', service)))
    add(mapsOf(service?.['plugins']).filter(isOn))
    add(free.filter((plugin) => isOf(plugin, 'route', route)))
    add(mapsOf(route['plugins']).filter(isOn))
    return found
  }
}

/** Several authenticators, each of which lets the others try: one of them decides. */
function joined(names: readonly string[], mapped: ReadonlyMap<string, Mapped>): DraftItem[] {
  const members = ['key-auth', 'jwt'].flatMap((name) => mapped.get(name)!.items)
  const flat = members.flatMap((item) =>
    typeof item === 'object' && Array.isArray(item['any']) ? item['any'] : [item],
  )
  return names.flatMap((name): readonly DraftItem[] => {
    if (name === 'key-auth') return [{ any: flat }]
    return name === 'jwt' ? [] : (mapped.get(name)?.items ?? [])
  })
}

function isOn(plugin: Source): boolean {
  return plugin['enabled'] !== false
}

function nameOf(plugin: Source): string {
  return textOf(plugin['name']) ?? ''
}
