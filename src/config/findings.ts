/** Collects what is wrong with one file while it is read: everything is reported, and one cause once. */
import { type Diagnostic, type DiagnosticCode, type Position, type Severity, sortDiagnostics } from './diagnostic.ts'
import { concealer, type Interpolation } from './secrets.ts'

/** A place in the config, for people (`routes.orders.match`) and for editors. */
export interface Place {
  readonly path: string
  readonly at: Position
}

export interface FindingText {
  readonly message: string
  readonly suggestion?: string | undefined
  readonly related?: readonly { readonly at: Position; readonly message: string }[]
}

export class Findings {
  readonly #found = new Map<string, Diagnostic>()
  #conceal: (text: string) => string = (text) => text
  #errors = 0

  get hasErrors(): boolean {
    return this.#errors > 0
  }

  /** All findings, by position. */
  get sorted(): Diagnostic[] {
    return sortDiagnostics([...this.#found.values()])
  }

  /** Whatever a message quotes from now on: where it is what a placeholder stood for, the placeholder is shown. */
  conceal(interpolated: readonly Interpolation[]): void {
    this.#conceal = concealer(interpolated)
  }

  error(code: DiagnosticCode, place: Place, text: string | FindingText): void {
    this.#add('error', code, { place, text })
  }

  warning(code: DiagnosticCode, place: Place, text: string | FindingText): void {
    this.#add('warning', code, { place, text })
  }

  #add(severity: Severity, code: DiagnosticCode, found: { place: Place; text: string | FindingText }): void {
    const { path, at } = found.place
    const text = this.#shown(typeof found.text === 'string' ? { message: found.text } : found.text)
    // An aliased or shared piece of the file is read many times, and wrong once.
    const key = `${code} ${at.line}:${at.column} ${text.message}`
    if (this.#found.has(key)) return
    if (severity === 'error') this.#errors++
    this.#found.set(key, {
      code,
      severity,
      at,
      path,
      message: text.message,
      ...(text.suggestion === undefined ? {} : { suggestion: text.suggestion }),
      ...(text.related === undefined ? {} : { related: text.related }),
    })
  }

  #shown(text: FindingText): FindingText {
    const { message, suggestion, related } = text
    return {
      message: this.#conceal(message),
      suggestion: suggestion === undefined ? undefined : this.#conceal(suggestion),
      ...(related === undefined ? {} : { related }),
    }
  }
}
