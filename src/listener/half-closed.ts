/** A client that has ended its side: it waits for its answer, which is legal (RFC 9112 §9.6), or it has left. */

/** How long an answer may take before the client is asked whether it is still there. */
const ASK_AFTER_MS = 5
const ASK_EVERY_MS = 5000

interface Answer {
  readonly headersSent: boolean
  writeContinue(): void
}

/**
 * An interim answer, which may be sent at any time (RFC 9110 §15.2), tells the two apart: whoever has left answers it with a reset,
 * and the next one then fails. Asks as long as `owed` gives an answer that has not begun.
 */
export function askWhetherThere(owed: () => Answer | null | undefined, afterMs = ASK_AFTER_MS): void {
  const again = () => {
    const answer = owed()
    if (answer === null || answer === undefined || answer.headersSent) return
    answer.writeContinue()
    askWhetherThere(owed, Math.min(afterMs * 2, ASK_EVERY_MS))
  }
  setTimeout(again, afterMs).unref()
}
