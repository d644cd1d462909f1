/** Who may call an operation, from its security requirements. What cannot be said here is closed. */
import type { DraftItem } from './draft.ts'
import { isMap, mapOf, type Source, textOf, textsOf } from './source.ts'

export interface Protection {
  readonly items: readonly DraftItem[]
  readonly public: string | undefined
  readonly closed: string | undefined
  readonly notes: readonly string[]
}

/** A route that nobody gets through until it is completed. */
const closed = (reason: string): Protection => ({ items: [], public: undefined, closed: reason, notes: [] })

export class OpenapiSecurity {
  readonly #schemes: Source
  readonly #everywhere: unknown
  readonly #notes = new Set<string>()

  constructor(source: Source) {
    this.#schemes = mapOf(mapOf(source['components'])['securitySchemes'] ?? source['securityDefinitions'])
    this.#everywhere = source['security']
  }

  get notes(): string[] {
    return [...this.#notes]
  }

  of(operation: Source): Protection {
    const written = operation['security'] ?? this.#everywhere
    if (!Array.isArray(written)) {
      this.#notes.add('operations without security ask for an API key: write `public:` where that is wrong')
      return {
        items: ['api-key'],
        public: undefined,
        closed: undefined,
        notes: ['the document does not say who may call this'],
      }
    }
    if (written.length === 0)
      return { ...closed(''), closed: undefined, public: 'the document says that no security applies' }
    const requirements = written.filter(isMap)
    const demanding = requirements.filter((one) => Object.keys(one).length > 0)
    if (demanding.length === 0)
      return { ...closed(''), closed: undefined, public: 'the document says that no security applies' }
    const notes =
      demanding.length < requirements.length ? ['the document takes anonymous calls too; this does not'] : []
    const alternatives = demanding.map((requirement) => this.#together(requirement))
    const usable = alternatives.flatMap((items) => (typeof items === 'string' ? [] : [items]))
    const missing = alternatives.filter((items) => typeof items === 'string')
    if (usable.length === 0) return closed(missing[0]!)
    return this.#either(usable, [...notes, ...missing.map((reason) => `one way in is left out: ${reason}`)])
  }

  #either(alternatives: readonly (readonly DraftItem[])[], notes: readonly string[]): Protection {
    const distinct = [...new Map(alternatives.map((items) => [JSON.stringify(items), items])).values()]
    const [first] = distinct as [readonly DraftItem[]]
    if (distinct.length === 1) return { items: first, public: undefined, closed: undefined, notes }
    const single = distinct.every((items) => items.length === 1)
    const kinds = distinct.map(([item]) => (typeof item === 'object' ? Object.keys(item!)[0] : item))
    if (single && new Set(distinct.map((items) => placeOf(items[0]!))).size === kinds.length)
      return { items: [{ any: distinct.map(([item]) => item!) }], public: undefined, closed: undefined, notes }
    return {
      items: first,
      public: undefined,
      closed: undefined,
      notes: [...notes, 'only the first of several ways in is imported'],
    }
  }

  /** All schemes of one requirement hold; text says why they cannot. */
  #together(requirement: Source): readonly DraftItem[] | string {
    const items: DraftItem[] = []
    for (const [name, scopes] of Object.entries(requirement)) {
      const item = this.#item(name, textsOf(scopes))
      if (item === null) return `the security scheme ${name} cannot be imported`
      items.push(item)
    }
    return items
  }

  #item(name: string, scopes: readonly string[]): DraftItem | null {
    const scheme = mapOf(this.#schemes[name])
    const kind = textOf(scheme['type'])
    if (kind === 'apiKey') return apiKeyOf(scheme)
    const isBearer = kind === 'http' && textOf(scheme['scheme'])?.toLowerCase() === 'bearer'
    if (!isBearer && kind !== 'oauth2' && kind !== 'openIdConnect') return null
    const discovery = textOf(scheme['openIdConnectUrl'])?.replace(/\/\.well-known\/.*$/, '')
    this.#notes.add('set JWT_ISSUER and JWT_JWKS: until then no token is good')
    const issuer =
      discovery !== undefined && /^https:\/\/[^{}$]+$/.test(discovery)
        ? discovery
        : `\${env:JWT_ISSUER:-https://issuer.invalid}`
    const claims = scopes.length === 0 || isBearer ? {} : { claims: { scope: [...scopes] } }
    return { jwt: { issuer, jwks: `\${env:JWT_JWKS:-https://issuer.invalid/jwks.json}`, ...claims } }
  }
}

function apiKeyOf(scheme: Source): DraftItem | null {
  const name = textOf(scheme['name'])
  if (name === undefined) return null
  if (scheme['in'] === 'header' && /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(name))
    return { 'api-key': { header: name.toLowerCase() } }
  return scheme['in'] === 'query' && /^[A-Za-z0-9._~-]{1,64}$/.test(name) ? { 'api-key': { query: name } } : null
}

/** Where the credentials are: `any` tells its members apart by that. */
function placeOf(item: DraftItem): string {
  if (typeof item === 'string') return item
  return item['jwt'] === undefined ? JSON.stringify(item) : 'authorization'
}
