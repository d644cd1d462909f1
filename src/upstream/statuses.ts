/** What a status says about the target that answered with it. */
import type { StatusRanges } from '../config/resilience.ts'

export function hasStatus(ranges: StatusRanges, status: number): boolean {
  return ranges.some(([from, to]) => status >= from && status <= to)
}

/** The target failed, or says that it cannot serve. Others of the 5xx (501, 505, 511) are about the request. */
export function isErrorStatus(status: number): boolean {
  return status === 500 || (status >= 502 && status <= 504)
}
