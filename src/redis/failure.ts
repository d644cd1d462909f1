/** Why Redis could not be asked, in a word that may be logged: its own errors quote commands, and commands hold passwords. */

/** The store did not do what it was asked. `reason`: `timeout`, `malformed`, a system error such as `ECONNREFUSED`, or Redis's own word such as `OOM`. */
export class StoreFailure extends Error {
  readonly reason: string
  /** It answered, and refused. */
  readonly isRefusal: boolean

  constructor(reason: string, isRefusal = false) {
    super(`the store failed: ${reason}`)
    this.name = 'StoreFailure'
    this.reason = reason
    this.isRefusal = isRefusal
  }
}

/** An answer that should be a whole number; throws StoreFailure. Whoever answers something else is not the Redis that was asked. */
export function wholeNumber(answer: unknown): number {
  if (Number.isSafeInteger(answer)) return answer as number
  throw new StoreFailure('malformed')
}

export function failureOf(error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error
  return new StoreFailure(reasonOf(error), error instanceof Error && error.name === 'ReplyError')
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if ('code' in error && typeof error.code === 'string') return error.code
  const [word] = /^[A-Z]{2,}(?= )/.exec(error.message) ?? []
  if (word !== undefined) return word
  return /^(Connection is closed|Stream isn't writeable)/.test(error.message) ? 'closed' : 'unknown'
}
