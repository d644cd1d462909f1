/** Did-you-mean: the one name that was clearly meant, or none. */

/** The candidate within a third of the word's length (at least one edit), if no other is as near. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3))
  let best: string | undefined
  let least = limit + 1
  let tied = false
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > limit) continue
    const distance = editDistance(word, candidate)
    if (distance < least) {
      best = candidate
      least = distance
      tied = false
    } else if (distance === least && candidate !== best) {
      tied = true
    }
  }
  return tied ? undefined : best
}

/** `did you mean "…"?`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const best = suggest(word, candidates)
  return best === undefined ? undefined : `did you mean "${best}"?`
}

/** One of the words was meant to be one of the names: that it is none has been said where it stands. */
export function someMeant(words: readonly string[], names: readonly string[]): boolean {
  return words.some((word) => !names.includes(word) && suggest(word, names) !== undefined)
}

const MOST_LISTED = 8

/** `did you mean "…"?`, or what there is where that is little. */
export function nameHint(word: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return 'there are none'
  return didYouMean(word, names) ?? (names.length <= MOST_LISTED ? `there are: ${names.join(', ')}` : undefined)
}

/** Damerau–Levenshtein distance in the restricted form: insert, delete, replace, swap two neighbours. */
export function editDistance(one: string, other: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const cost = one[row - 1] === other[column - 1] ? 0 : 1
      let distance = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + cost)
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      if (swapped) distance = Math.min(distance, beforeLast[column - 2]! + 1)
      current.push(distance)
    }
    beforeLast = last
    last = current
  }
  return last[other.length]!
}
