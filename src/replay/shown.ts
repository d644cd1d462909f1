/** The values of a header in the log that can be sent again: secrets are hashed there. */
const hashed = /^sha256:[0-9a-f]{16}$/

export function shownInLog(value: unknown): readonly string[] {
  const values = Array.isArray(value) ? value : [value]
  return values.filter((one) => typeof one === 'string' && !hashed.test(one))
}
