/** What a header name means, remembered by its exact spelling: lower-casing and looking up each name of each message is the dearer half of reading heads. */

/** Names are the peers' to choose: a memo that is full learns no more, and everything still works, a little slower. */
const MOST = 1024
const LONGEST = 64

/** Wraps a pure function of a name, in lower case and as it is spelled, so that it is asked once per spelling. */
export function memoByName<Meaning>(meaningOf: (lower: string, name: string) => Meaning): (name: string) => Meaning {
  const known = new Map<string, Meaning>()
  return (name) => {
    const found = known.get(name)
    if (found !== undefined) return found
    const meaning = meaningOf(name.toLowerCase(), name)
    if (known.size < MOST && name.length <= LONGEST) known.set(name, meaning)
    return meaning
  }
}
