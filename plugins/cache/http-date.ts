/**
 * Reads dates in the three forms of RFC 9110 §5.6.7, in any case, as RFC 9111 §4.2 asks of caches. Anything else is no
 * date: `Date.parse` guesses.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH = MONTHS.join('|')
const TIME = '([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)'
const imf = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) (${MONTH}) ([0-9]{4}) ${TIME} GMT$`, 'i')
const rfc850 = new RegExp(
  `^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, ([0-9]{2})-(${MONTH})-([0-9]{2}) ${TIME} GMT$`,
  'i',
)
const asctime = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (${MONTH}) ([ 0-9][0-9]) ${TIME} ([0-9]{4})$`, 'i')

/** Milliseconds since the epoch, or null. `now` tells which century a two-digit year is of. */
export function httpDate(text: string, now: number): number | null {
  const fixed = imf.exec(text)
  if (fixed !== null) return utc(fixed[3]!, fixed[2]!, [fixed[1]!, fixed[4]!, fixed[5]!, fixed[6]!])
  const old = rfc850.exec(text)
  if (old !== null) return utc(String(fullYear(Number(old[3]), now)), old[2]!, [old[1]!, old[4]!, old[5]!, old[6]!])
  const ansi = asctime.exec(text)
  if (ansi !== null) return utc(ansi[6]!, ansi[1]!, [ansi[2]!, ansi[3]!, ansi[4]!, ansi[5]!])
  return null
}

/** RFC 9110 §5.6.7: a year that seems more than 50 years ahead is the last one with these digits. */
function fullYear(digits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + digits
  return year > thisYear + 50 ? year - 100 : year
}

function utc(year: string, month: string, rest: readonly [string, string, string, string]): number | null {
  const [day, hours, minutes, seconds] = rest.map(Number) as [number, number, number, number]
  const date = Date.UTC(Number(year), MONTHS.indexOf(month.toLowerCase()), day, hours, minutes, Math.min(seconds, 59))
  // 31 February would roll over.
  return new Date(date).getUTCDate() === day ? date : null
}
