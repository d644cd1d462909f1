/**
 * HalfSipHash-1-3 with 64 bits of output (Aumasson, Bernstein 2012): a keyed hash in 32-bit arithmetic. Who does not know the
 * seed cannot find keys that fall together; by chance two of a million do so once in 37 million tables.
 */
export type Seed = readonly [number, number]

/** What a key of a counter is known by. `counter` tells counters apart, for shares of the room. */
export class KeyHash {
  low = 0
  high = 0
  counter = 0
}

interface Counted {
  readonly counter: string
}

const FINAL_ROUNDS = 3

export class KeyHasher {
  readonly #seed: Seed
  readonly #counters = new WeakMap<Counted, KeyHash>()
  readonly #found = new KeyHash()

  constructor(seed: Seed) {
    this.#seed = seed
  }

  /** Valid until the next call. */
  of(limit: Counted, key: string): KeyHash {
    const counter = this.ofCounter(limit)
    this.#found.counter = counter.low
    return digest(this.#found, key, counter.low, counter.high)
  }

  /** Of the counter itself. Keys of a counter are hashed with this as their seed. */
  ofCounter(limit: Counted): KeyHash {
    const known = this.#counters.get(limit)
    if (known !== undefined) return known
    const hash = digest(new KeyHash(), limit.counter, ...this.#seed)
    hash.counter = hash.low
    this.#counters.set(limit, hash)
    return hash
  }
}

/** One loop for the words of the text, its length, and both ends: the engine keeps the four words of state in registers. */
function digest(into: KeyHash, text: string, seed0: number, seed1: number): KeyHash {
  const { length } = text
  const words = (length + 3) >> 1
  let v0 = seed0
  let v1 = seed1 ^ 0xee
  let v2 = 0x6c796765 ^ seed0
  let v3 = 0x74656462 ^ seed1
  for (let i = 0; i < words + 2 * FINAL_ROUNDS; i++) {
    let word = 0
    if (i < words - 1) word = (text.charCodeAt(2 * i) << 16) | text.charCodeAt(2 * i + 1)
    // The length tells an odd character at the end from a pair with U+0000.
    else if (i === words - 1) word = length
    else if (i === words) v2 ^= 0xee
    else if (i === words + FINAL_ROUNDS) {
      into.low = v1 ^ v3
      v1 ^= 0xdd
    }
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  into.high = v1 ^ v3
  return into
}
