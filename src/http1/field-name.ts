/** Field names as strings that are made once: the same few come with every message, and all who read them compare and hash them. */

const SLOTS = 1024
const LONGEST = 64

/** Peers choose the names: one whose slot another has taken costs the making of its string, no more. */
const slots = new Array<string | undefined>(SLOTS).fill(undefined)

/** The name between two positions; `hash` is any number that its bytes alone decide. */
export function fieldName(buffer: Buffer, at: { from: number; to: number; hash: number }): string {
  const slot = at.hash & (SLOTS - 1)
  const known = slots[slot]
  if (known !== undefined && isAt(known, buffer, at)) return known
  const name = buffer.toString('latin1', at.from, at.to)
  if (name.length <= LONGEST) slots[slot] = name
  return name
}

function isAt(name: string, buffer: Buffer, { from, to }: { from: number; to: number }): boolean {
  const { length } = name
  if (length !== to - from) return false
  for (let i = 0; i < length; i++) if (name.charCodeAt(i) !== buffer[from + i]) return false
  return true
}
