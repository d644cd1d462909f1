/** Texts with random digits in them, many made at a time: each is one slice then, where making one takes a dozen strings. */
import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'

const AT_A_TIME = 512
const DIGITS = Buffer.from('0123456789abcdef')
const RANDOM = 'r'.charCodeAt(0)
const VARIANT = 'v'.charCodeAt(0)

export class RandomTexts {
  readonly #pattern: Buffer
  #texts = ''
  #used = 0

  /** `r` stands for a random hexadecimal digit, `v` for one whose highest bits are 10; all else for itself. */
  constructor(pattern: string) {
    this.#pattern = Buffer.from(pattern, 'latin1')
  }

  next(): string {
    if (this.#used === this.#texts.length) this.#make()
    const from = this.#used
    this.#used += this.#pattern.length
    return this.#texts.slice(from, this.#used)
  }

  #make(): void {
    const pattern = this.#pattern
    const bytes = randomFillSync(Buffer.allocUnsafe(pattern.length * AT_A_TIME))
    for (let i = 0; i < bytes.length; i++) {
      const sign = pattern[i % pattern.length]!
      if (sign === RANDOM) bytes[i] = DIGITS[bytes[i]! & 0xf]!
      else bytes[i] = sign === VARIANT ? DIGITS[(bytes[i]! & 0x3) | 0x8]! : sign
    }
    this.#texts = bytes.toString('latin1')
    this.#used = 0
  }
}
