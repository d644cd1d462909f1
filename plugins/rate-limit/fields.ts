/** The fields of draft-ietf-httpapi-ratelimit-headers: structured fields (RFC 9651) with one list member per limit. */
import type { Reply } from '#gateway'

export interface LimitName {
  readonly itemId: string
  readonly counter: string | undefined
}

/**
 * How a limit is called towards clients: the counter's name, else the route's or chain's (`orders`; the next limit of the
 * same list `orders-1`), `global` for the limits above every route.
 */
export function limitName({ itemId, counter }: LimitName): string {
  const [, kind, list, index] = /^(plugins|routes|chains)(?:\.(.*))?\/[^/]*#([0-9]+)$/s.exec(itemId) ?? []
  const name = counter ?? (kind === 'plugins' ? 'global' : (list ?? itemId))
  const numbered = counter === undefined && index !== undefined && index !== '0' ? `${name}-${index}` : name
  return numbered.replace(/[^A-Za-z0-9._~-]/g, '-')
}

/** Tells the client about one more limit: `"orders";q=100;w=60`, `"orders";r=42;t=17`. */
export class LimitFields {
  readonly #name: string
  readonly #max: number
  readonly #windowMs: number
  /** Made when it is first told. */
  #policy: string | null = null

  constructor(name: string, max: number, windowMs: number) {
    this.#name = name
    this.#max = max
    this.#windowMs = windowMs
  }

  append(reply: Reply, remaining: number, seconds: number): void {
    this.#policy ??= `"${this.#name}";q=${this.#max};w=${Math.ceil(this.#windowMs / 1000)}`
    addMember(reply, 'ratelimit-policy', this.#policy)
    addMember(reply, 'ratelimit', `"${this.#name}";r=${remaining};t=${seconds}`)
  }
}

function addMember(reply: Reply, field: string, member: string): void {
  const before = reply.getHeader(field)
  reply.header(field, before === undefined ? member : `${before}, ${member}`)
}
