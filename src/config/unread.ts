/**
 * Parts of a large config that stay text until somebody asks what they say. Of 10,000 routes most are asked for seldom, and a
 * route that is not costs some hundred bytes, most of them shared by all threads.
 */
import type { AnyItem, ChainItem, PluginItem, RouteConfig } from './config.ts'
import { deepFreeze } from './freeze.ts'
import type { Texts } from './texts.ts'
import type { UpstreamConfig } from './upstream-config.ts'

/** `items`: those that a route names by number. */
export type PartOf<Part> = (text: string, items: readonly ChainItem[]) => Part

/** Where parts of one kind come from. It lives as long as any of them. */
export class Source<Part> {
  readonly texts: Texts
  /** Of each text the name of what it says, and its brief, in lines. */
  readonly briefs: Texts
  readonly items: readonly ChainItem[]
  readonly #partOf: PartOf<Part>

  constructor({
    texts,
    briefs,
    items,
    partOf,
  }: Pick<Source<Part>, 'texts' | 'briefs' | 'items'> & { partOf: PartOf<Part> }) {
    this.texts = texts
    this.briefs = briefs
    this.items = items
    this.#partOf = partOf
  }

  read(index: number): Part {
    return this.#partOf(this.texts.at(index), this.items)
  }
}

export class Unread<Part extends object> {
  /** `''` where parts of its kind have none. */
  readonly name: string
  readonly source: Source<Part>
  readonly index: number
  #read: Part | null = null

  constructor(source: Source<Part>, index: number) {
    const [name] = source.briefs.at(index).split('\n', 1)
    this.name = name!
    this.source = source
    this.index = index
    // As all of a config is; who freezes what holds it need not go on from here.
    Object.freeze(this)
  }

  /** What it says, as plain data; kept. */
  get whole(): Part {
    this.#read ??= deepFreeze(this.glance())
    return this.#read
  }

  /** The same, for who looks at all parts once: it is not kept. */
  glance(): Part {
    return this.#read ?? this.source.read(this.index)
  }

  /** See brief.ts. */
  get brief(): readonly string[] {
    return this.source.briefs.at(this.index).split('\n').slice(1)
  }

  toJSON(): Part {
    return this.glance()
  }
}

/** The part as plain data. Every key is there to be asked for, as if it had been read. */
export function whole<Part extends object>(part: Part): Part {
  return part instanceof Unread ? part.whole : part
}

/** The same, without keeping it. */
export function glance<Part extends object>(part: Part): Part {
  return part instanceof Unread ? part.glance() : part
}

export function isUnread(part: object): part is Unread<object> {
  return part instanceof Unread
}

export type UnreadClass<Part extends object> = new (source: Source<Part>, index: number) => Part

function withKeys<Part extends object>(keys: object): UnreadClass<Part> {
  class Kind extends Unread<Part> {}
  for (const key of Object.keys(keys) as (keyof Part)[]) {
    Object.defineProperty(Kind.prototype, key, {
      get(this: Kind) {
        return this.whole[key]
      },
    })
  }
  return Kind as never
}

type Keys<Part> = Record<keyof Part, true>

const item: Keys<PluginItem> & Keys<AnyItem> = {
  kind: true,
  plugin: true,
  options: true,
  mode: true,
  optional: true,
  id: true,
  at: true,
  belowAuthenticator: true,
  members: true,
}
const route: Keys<Omit<RouteConfig, 'name'>> = {
  match: true,
  action: true,
  chain: true,
  public: true,
  slashes: true,
  encodedSlash: true,
  aliasing: true,
  fallthrough: true,
}
const upstream: Keys<Omit<UpstreamConfig, 'name'>> = {
  targets: true,
  balance: true,
  panicThreshold: true,
  timeouts: true,
  health: true,
  breaker: true,
  retries: true,
  fallback: true,
  connections: true,
  tls: true,
}

export const UnreadItem = withKeys<ChainItem>(item)
export const UnreadRoute = withKeys<RouteConfig>(route)
export const UnreadUpstream = withKeys<UpstreamConfig>(upstream)
