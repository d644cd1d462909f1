/** Durations, sizes and shares as they stand in the file: strings with units, never bare numbers. */

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const sizeUnits = { B: 1, KB: 1000, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

export const durationPattern = '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$'
export const sizePattern = '^[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$'
export const percentagePattern = '^[0-9]+(\\.[0-9]+)?%$'

/** Milliseconds of `250ms 30s 5m 12h 7d`. Throws RangeError on anything else. */
export function duration(text: string): number {
  return scaled(text, durationPattern, durationUnits, 'a duration such as 30s')
}

/** Bytes of `512B 16KiB 10MB`. Throws RangeError on anything else. */
export function size(text: string): number {
  return scaled(text, sizePattern, sizeUnits, 'a size such as 16KiB')
}

/** The fraction that `20%` is. Throws RangeError on anything else. */
export function percentage(text: string): number {
  return scaled(text, percentagePattern, { '%': 0.01 }, 'a percentage such as 20%')
}

function scaled(text: string, pattern: string, units: Readonly<Record<string, number>>, expected: string): number {
  const number = new RegExp(pattern).test(text) ? Number.parseFloat(text) : Number.NaN
  const unit = units[text.replace(/^[0-9.]+/, '')]
  if (Number.isNaN(number) || unit === undefined) throw new RangeError(`expected ${expected}, found "${text}"`)
  return unit < 1 ? number * unit : Math.round(number * unit)
}
