/** One finding about a config file, its order, and how it is shown to people and programs. */

export type Severity = 'error' | 'warning'

export interface Position {
  readonly file: string
  /** 1-based, like every editor counts. */
  readonly line: number
  readonly column: number
  readonly endColumn: number
}

export interface Diagnostic {
  /** Stable, kebab-case: `unknown-key`, `wrong-type`, `missing-key`, `unknown-name`, … */
  readonly code: string
  readonly severity: Severity
  readonly at: Position
  /** The place in the config: `routes.orders.upstrem`. */
  readonly path: string
  readonly message: string
  readonly suggestion?: string
  readonly related?: readonly { readonly at: Position; readonly message: string }[]
}
