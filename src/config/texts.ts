/** Many short texts in little memory: put together in blocks, each of them compressed. Neighbours in a config are much alike. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { sharedCopy } from './shared-bytes.ts'

/** Bytes of a block before it is compressed: to read one text is to read them all, 15 µs. */
const BLOCK_BYTES = 16 * 1024

export interface PackedTexts {
  /** The blocks, one after the other. */
  readonly bytes: Uint8Array
  /** Where each block ends. */
  readonly blocks: Uint32Array
  /** Of each text the number of its block, and where in it the text ends. */
  readonly places: Uint32Array
}

export function packTexts(texts: readonly string[]): PackedTexts {
  const blocks: Buffer[] = []
  const places = new Uint32Array(texts.length * 2)
  let open: Buffer[] = []
  let end = 0
  const close = () => {
    if (open.length > 0) blocks.push(deflateRawSync(Buffer.concat(open), { level: 1 }))
    open = []
    end = 0
  }
  for (const [i, text] of texts.entries()) {
    const bytes = Buffer.from(text)
    end += bytes.length
    open.push(bytes)
    places.set([blocks.length, end], i * 2)
    if (end >= BLOCK_BYTES) close()
  }
  close()
  let sum = 0
  const ends = Uint32Array.from(blocks, ({ length }) => (sum += length))
  return { bytes: Buffer.concat(blocks), blocks: ends, places }
}

/** For another thread: nothing of it is copied on the way. What came so is passed on as it is. */
export function sharedTexts(packed: PackedTexts): PackedTexts {
  const { bytes, blocks, places } = packed
  if (bytes.buffer instanceof SharedArrayBuffer) return packed
  return {
    bytes: new Uint8Array(sharedCopy(bytes)),
    blocks: new Uint32Array(sharedCopy(blocks)),
    places: new Uint32Array(sharedCopy(places)),
  }
}

export class Texts {
  readonly packed: PackedTexts
  /** The block that was read last: who reads one text often reads the next. */
  #block = -1
  #read: Buffer = Buffer.alloc(0)

  constructor(packed: PackedTexts) {
    this.packed = packed
  }

  at(index: number): string {
    const { places } = this.packed
    const block = places[index * 2]!
    const isFirst = index === 0 || places[index * 2 - 2] !== block
    return this.#blockAt(block).toString('utf8', isFirst ? 0 : places[index * 2 - 1], places[index * 2 + 1])
  }

  #blockAt(block: number): Buffer {
    if (block === this.#block) return this.#read
    const { bytes, blocks } = this.packed
    const read = inflateRawSync(bytes.subarray(block === 0 ? 0 : blocks[block - 1], blocks[block]))
    // It comes in a piece of 16 KiB, however short it is.
    this.#read = Buffer.allocUnsafeSlow(read.length)
    this.#read.set(read)
    this.#block = block
    return this.#read
  }
}
