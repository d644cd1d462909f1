/** What a difference between two configs is, and which kinds of weakening it may be. */

/** What `--fail-on` takes. */
export const weakenings = ['weaker-auth', 'weaker-limits', 'new-public'] as const
export type Weakening = (typeof weakenings)[number]

/** One sentence about what changed. */
export interface Detail {
  readonly text: string
  readonly weakens?: Weakening
}

export interface Change {
  readonly kind: 'added' | 'removed' | 'renamed' | 'changed'
  /** What it is about: `route`, `chain item`, `upstream`, `listener`, `consumer`, `settings`. */
  readonly what: string
  readonly name: string
  /** The name before, where it was renamed. */
  readonly from?: string
  /** The routes that a shared item stands on. */
  readonly routes?: readonly string[]
  readonly details: readonly Detail[]
}

export function isWeakening(word: string): word is Weakening {
  return (weakenings as readonly string[]).includes(word)
}
