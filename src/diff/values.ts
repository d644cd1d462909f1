/** Plain data of two configs, compared key by key and said in words: `timeouts.connect: 2s → 5s`. */

/** Undefined on one side: the key is not there. */
export interface ValueChange {
  /** Keys of the loaded config: `timeouts.connectMs`. */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

export type Show = (path: string, value: unknown) => string

/** Every leaf that differs. Lists are leaves. */
export function valueChanges(before: unknown, after: unknown, path = ''): ValueChange[] {
  if (same(before, after)) return []
  if (!isMap(before) || !isMap(after)) return [{ path, before, after }]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) => valueChanges(before[key], after[key], path === '' ? key : `${path}.${key}`))
}

/** `max: 5 → 10`, `query: added, key`, `window: gone, was 1m`; lists by what came and went. */
export function changeText({ path: full, before, after }: ValueChange, show: Show = shown): string {
  const path = keyAsWritten(full)
  if (Array.isArray(before) && Array.isArray(after)) {
    const added = after.filter((one) => !before.some((other) => same(one, other)))
    const gone = before.filter((one) => !after.some((other) => same(one, other)))
    const parts = [
      ...(added.length === 0 ? [] : [`added ${added.map((one) => show(full, one)).join(', ')}`]),
      ...(gone.length === 0 ? [] : [`removed ${gone.map((one) => show(full, one)).join(', ')}`]),
    ]
    return `${path}: ${parts.length === 0 ? 'another order' : parts.join('; ')}`
  }
  if (before === undefined) return `${path}: added, ${show(full, after)}`
  if (after === undefined) return `${path}: gone, was ${show(full, before)}`
  const [one, other] = [show(full, before), show(full, after)]
  return one === other ? `${path}: another value` : `${path}: ${one} → ${other}`
}

/** As it is written in the file: the loaded config has milliseconds where the file has durations. */
export function shown(path: string, value: unknown): string {
  if (typeof value === 'number' && path.endsWith('Ms')) return durationText(value)
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map((one) => shown('', one)).join(', ') || 'none'
  return value === undefined ? 'none' : JSON.stringify(value)
}

export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, i) => same(value, other[i]))
  if (!isMap(one) || !isMap(other)) return false
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && same(one[key], other[key]))
}

function durationText(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const
  const unit = units.find(([, size]) => ms >= size && ms % size === 0)
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`
}

function keyAsWritten(path: string): string {
  return path.replaceAll(/Ms\b/g, '')
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
