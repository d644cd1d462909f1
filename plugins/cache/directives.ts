/** Cache-Control (RFC 9111 §5.2), of requests and responses alike. */

const MAX_SECONDS = 2 ** 31

export class Directives {
  readonly #values: ReadonlyMap<string, string | null>

  private constructor(values: ReadonlyMap<string, string | null>) {
    this.#values = values
  }

  /** Reads every line of the field. Without one, `Pragma: no-cache` counts as no-cache (RFC 9111 §5.4). */
  static parse(lines: readonly string[], pragma: readonly string[] = []): Directives {
    if (lines.length === 0 && pragma.length === 0) return none
    const values = new Map<string, string | null>()
    for (const line of lines) for (const member of members(line)) add(values, member)
    if (lines.length === 0 && pragma.some((line) => /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(line)))
      values.set('no-cache', null)
    return new Directives(values)
  }

  static readonly none: Directives = new Directives(new Map())

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** Seconds of a directive; null when it is absent. An argument that is not a number is 0 (RFC 9111 §4.2.1: stale). */
  seconds(name: string): number | null {
    const value = this.#values.get(name)
    if (value === undefined) return null
    if (value === null || !/^[0-9]+$/.test(value)) return 0
    return Math.min(Number(value), MAX_SECONDS)
  }

  /** The directive stands there without an argument. */
  isBare(name: string): boolean {
    return this.#values.get(name) === null
  }
}

const { none } = Directives

/** Splits a line at the commas that no quoted string holds (RFC 9110 §5.6.1, §5.6.4). */
function members(line: string): string[] {
  if (!line.includes('"')) return line.split(',')
  return line.match(/(?:"(?:[^"\\]|\\.)*"?|[^,"])+/g) ?? []
}

function add(values: Map<string, string | null>, member: string): void {
  // Trimmed before: blanks that two parts of a pattern could take are tried in all ways, and 15 KiB of them took a quarter of a second.
  const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^"]*)))?$/.exec(member.trim())
  if (parts === null) return
  const name = parts[1]!.toLowerCase()
  const value = parts[2]?.replace(/\\(.)/g, '$1') ?? parts[3] ?? null
  const before = values.get(name)
  // RFC 9111 §4.2.1: of conflicting values the answer counts as stale, which is what no number means.
  values.set(name, before === undefined || before === value ? value : '')
}
