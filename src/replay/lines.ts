/** The lines of a log of any size, one at a time; of a gzipped log too. */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'

export interface Line {
  /** 1-based. */
  readonly number: number
  readonly bytes: Buffer
}

/** A longer one is no access log's: only its beginning is kept. */
const LONGEST_LINE = 1024 * 1024
const CHUNK = 256 * 1024
const NEWLINE = 10

/**
 * Opens a log when its first bytes are asked for, and not before: there is nobody earlier whom a failure could reach.
 * Throws Node's error where the file cannot be read, or is no gzip.
 */
export async function* openLog(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: CHUNK })
  // The error of either stream comes out of the last one.
  yield* path.endsWith('.gz') ? pipeline(file, createGunzip({ chunkSize: CHUNK }), () => {}) : file
}

/** Chunks of lines: one iteration for each read, not for each line. */
export async function* linesOf(log: AsyncIterable<Buffer>): AsyncGenerator<Line[]> {
  let number = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of log) {
    const lines: Line[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      const part = chunk.subarray(from, end)
      const bytes = from === 0 && rest.length > 0 ? Buffer.concat([rest, part]) : part
      number++
      if (bytes.length > 0) lines.push({ number, bytes })
      from = end + 1
    }
    if (from > 0) rest = Buffer.alloc(0)
    const open = chunk.subarray(from)
    if (rest.length + open.length <= LONGEST_LINE) rest = Buffer.concat([rest, open])
    yield lines
  }
  if (rest.length > 0) yield [{ number: number + 1, bytes: rest }]
}
