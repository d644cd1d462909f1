/** Which parts of a request are logged and which of them are secret. A secret value is shown as the start of its hash. */
import { hash } from 'node:crypto'
import { alwaysSecretHeaders, type Exchange, isSecretPart, queryName, queryValue } from '#gateway'

/** Shorter values are not searched for in free text: they would be found everywhere. */
const MIN_SEARCHED = 6

interface Part {
  readonly name: string
  readonly secret: boolean
}

export class Redaction {
  readonly #headers: readonly Part[]
  readonly #query: readonly Part[]
  readonly #secrets: ReadonlySet<string>
  /** Headers whose values must not stand anywhere in a line. */
  readonly #secretHeaders: readonly string[]

  /** Both lists name parts as `header:x-tier` or `query:v`. */
  constructor(reads: readonly string[], secrets: readonly string[]) {
    this.#secrets = new Set(secrets)
    this.#headers = namesOf('header:', reads).map((name) => ({ name, secret: this.#isSecret('header', name) }))
    this.#query = namesOf('query:', reads).map((name) => ({ name, secret: this.#isSecret('query', name) }))
    this.#secretHeaders = [...new Set([...alwaysSecretHeaders, ...namesOf('header:', secrets)])]
  }

  /** The logged headers that the request has; one value as text, several as a list. */
  headers(exchange: Exchange): Record<string, string | string[]> {
    const logged: Record<string, string | string[]> = {}
    for (const { name, secret } of this.#headers) {
      const values = exchange.headerValues(name)
      const shown = secret ? values.map(hashed) : values
      if (shown.length > 0) logged[name] = shown.length === 1 ? shown[0]! : shown
    }
    return logged
  }

  /** The logged query parameters that the request has, percent-decoded. */
  queryParameters(query: string): Record<string, string | string[]> {
    const logged: Record<string, string | string[]> = {}
    if (query === '' || this.#query.length === 0) return logged
    const pairs = query.slice(1).split('&')
    for (const { name, secret } of this.#query) {
      const values = pairs.filter((pair) => queryName(pair) === name).map(queryValue)
      const shown = secret ? values.map(hashed) : values
      if (shown.length > 0) logged[name] = shown.length === 1 ? shown[0]! : shown
    }
    return logged
  }

  /** The query as sent, with the values of secret parameters hashed. */
  query(query: string): string {
    if (query === '') return query
    const pairs = query.slice(1).split('&')
    return `?${pairs.map((pair) => this.#pair(pair)).join('&')}`
  }

  /** Text that others made (reasons, inputs), with every secret that this request carries replaced. */
  text(text: string, exchange: Exchange): string {
    let clean = text
    for (const secret of this.#secretsOf(exchange)) {
      if (secret.length < MIN_SEARCHED) continue
      const written = JSON.stringify(secret).slice(1, -1)
      if (clean.includes(written)) clean = clean.replaceAll(written, () => hashed(secret))
    }
    return clean
  }

  #pair(pair: string): string {
    const end = pair.indexOf('=')
    if (end === -1 || !this.#isSecret('query', queryName(pair))) return pair
    return `${pair.slice(0, end)}=${hashed(queryValue(pair))}`
  }

  *#secretsOf(exchange: Exchange): Generator<string> {
    for (const name of this.#secretHeaders) {
      for (const value of exchange.headerValues(name)) {
        yield value
        // Of `Bearer …` and `Basic …` the second word is the secret.
        const blank = value.indexOf(' ')
        if (blank !== -1) yield value.slice(blank + 1).trim()
      }
    }
    if (exchange.facts.query === '') return
    for (const pair of exchange.facts.query.slice(1).split('&')) {
      if (this.#isSecret('query', queryName(pair))) yield queryValue(pair)
    }
  }

  #isSecret(kind: 'header' | 'query', name: string): boolean {
    return isSecretPart(kind, name, this.#secrets)
  }
}

function namesOf(kind: string, parts: readonly string[]): string[] {
  const names = parts.filter((part) => part.startsWith(kind)).map((part) => part.slice(kind.length))
  return [...new Set(names)]
}

function hashed(value: string): string {
  return `sha256:${hash('sha256', value).slice(0, 16)}`
}
