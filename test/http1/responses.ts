/** Generates responses, sound and unsound, and runs bytes through the parser. */
import fc from 'fast-check'
import { MalformedResponse } from '../../src/http1/field-section.ts'
import { ResponseParser } from '../../src/http1/response-parser.ts'

export interface Parsed {
  /** What the sink was told; pieces of body joined. */
  readonly events: string[]
  readonly body: string
  /** Bytes behind its end. */
  readonly more: number
  /** Whether the response was whole when the bytes, and then FIN, had come. */
  readonly isComplete: boolean
  readonly failure: string | undefined
  readonly status: number
  readonly headers: string[]
}

/** Parses `bytes` cut at `cuts`, followed by a clean FIN. */
export function parse(bytes: Buffer, method: string, cuts: readonly number[] = []): Parsed {
  const events: string[] = []
  const state = { body: '', isComplete: false, status: 0, headers: [] as string[] }
  const sink = {
    informational: (status: number, headers: string[]) => void events.push(JSON.stringify([status, headers])),
    head: (head: { status: number; headers: string[] }) => {
      state.status = head.status
      state.headers = head.headers
      events.push(JSON.stringify(head))
    },
    body: (buffer: Buffer, from: number, to: number) => {
      state.body += buffer.toString('latin1', from, to)
    },
    complete: (trailers: string[]) => {
      state.isComplete = true
      events.push(JSON.stringify(trailers))
    },
  }
  const parser = new ResponseParser(sink, { maxHeadBytes: 600, maxHeaders: 12 })
  parser.expect(method)
  let failure: string | undefined
  let more = 0
  try {
    let from = 0
    for (const cut of [...cuts, bytes.length]) {
      if (cut > from && state.isComplete) more += cut - from
      // A copy: chunked bodies are decoded in place.
      if (cut > from && !state.isComplete) parser.read(Buffer.from(bytes.subarray(from, cut)), 0, cut - from)
      from = Math.max(from, cut)
    }
    if (!state.isComplete) parser.finish()
  } catch (error) {
    if (!(error instanceof MalformedResponse)) throw error
    failure = error.message
  }
  return { events, failure, more: more + parser.leftover, ...state }
}

/** The first of `choices` in twelve of thirteen. */
const often = (usual: string, ...others: string[]): fc.Arbitrary<string> =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 12 }, { arbitrary: fc.constantFrom(...others), weight: 1 })

const versions = often('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1')
const statuses = often('200', '404', '204', '304', '100', '103', '20', '099', '2000', '999')
const reasons = often(' OK', ' ', '', ' \xe4 b', ' a\x01b')
const lineEnds = fc.constantFrom(...Array<string>(40).fill('\r\n'), '\n', '\r', '\r\r\n')
const names = fc.constantFrom(
  'A',
  'Set-Cookie',
  'x-long-name-here',
  'Connection',
  'A b',
  'A ',
  '',
  '\xe4',
  ' A',
  'Keep-Alive',
)
const values = often(' b c', '\tb\t', '', ' \xff', 'a\x00b', 'a\x7f', 'close', 'keep-alive', 'x'.repeat(90))
const plainField = fc
  .tuple(fc.constantFrom('A', 'Set-Cookie', 'x-b', 'Date'), values)
  .map(([name, value]) => `${name}:${value}`)
const field = fc.tuple(names, values).map(([name, value]) => `${name}:${value}`)
const length = fc.constantFrom('Content-Length: 5', 'Content-Length: 5', 'Content-Length: 0', 'content-length:3')
const oddFraming = fc.constantFrom(
  'Content-Length: 5, 5',
  'Content-Length: +5',
  'Content-Length: 5 5',
  'Content-Length:',
  'Content-Length: 99999999999999999999',
  'Content-Length: 9007199254740993',
  'Content-Length: 00000000000000000000005',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:',
)
const chunkHeads = fc.constantFrom(
  ...Array<string>(40).fill('3\r\nabc\r\n'),
  'A\r\n0123456789\r\n',
  '3;a\r\nabc\r\n',
  '3;a=b;c="d\\"e"\r\nabc\r\n',
  '3; a\r\nabc\r\n',
  '3 ;a\t= b ; c\r\nabc\r\n',
  '3;a \r\nabc\r\n',
  '3;a=b c\r\nabc\r\n',
  '3;\r\nabc\r\n',
  '3 \r\nabc\r\n',
  '3\nabc\r\n',
  '3\r\nabc\n',
  '3\r\nabcd\r\n',
  'x\r\n',
  '0003\r\nabc\r\n',
  '00000000000000000003\r\nabc\r\n',
  '100000003\r\nabc\r\n',
  'fffffffffffffff3\r\nabc\r\n',
  '-3\r\nabc\r\n',
  '0x3\r\nabc\r\n',
)
const chunked = fc
  .tuple(
    fc.array(chunkHeads, { maxLength: 4 }),
    fc.constantFrom('0\r\n', '0\r\n', '000\r\n', '0;x\r\n', ''),
    fc.constantFrom('', '', 'T: u\r\n', 'T\r\n'),
  )
  .map(([chunks, last, trailers]) => `${chunks.join('')}${last}${trailers}\r\n`)
/** Framing fields with a body that fits them, for the most part. */
const framings = fc.oneof(
  {
    arbitrary: fc.tuple(
      length.map((line) => [line]),
      fc.constantFrom('abc', 'hello', 'hello', ''),
    ),
    weight: 4,
  },
  { arbitrary: fc.tuple(fc.constant(['Transfer-Encoding: chunked']), chunked), weight: 6 },
  { arbitrary: fc.tuple(fc.constant([]), fc.constantFrom('', 'abc', 'hello')), weight: 2 },
  {
    arbitrary: fc.tuple(
      fc.array(fc.oneof(length, oddFraming), { maxLength: 2 }),
      fc.oneof(fc.constant('hello'), chunked),
    ),
    weight: 2,
  },
)

/** Bytes that are a response, nearly one, or two. */
export const responses: fc.Arbitrary<Buffer> = fc
  .record({
    start: fc.tuple(versions, statuses, reasons).map(([version, status, reason]) => `${version} ${status}${reason}`),
    fields: fc.array(fc.oneof({ arbitrary: plainField, weight: 20 }, { arbitrary: field, weight: 1 }), {
      maxLength: 4,
    }),
    framed: framings,
    lineEnd: lineEnds,
    oddEnd: fc.nat(25),
    interim: fc.constantFrom('', '', '', '', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 x\r\nA: b\r\n\r\n'),
  })
  .map(({ start, fields, framed: [framing, body], lineEnd, oddEnd, interim }) => {
    const lines = [start, ...fields, ...framing, '']
    const head = lines.map((line, at) => line + (at === oddEnd ? lineEnd : '\r\n')).join('')
    return Buffer.from(interim + head + body, 'latin1')
  })

/** The same with a few bytes changed, lost or doubled. */
export const damaged: fc.Arbitrary<Buffer> = fc
  .tuple(responses, fc.array(fc.tuple(fc.nat(400), fc.nat(255), fc.nat(2)), { maxLength: 3 }))
  .map(([bytes, edits]) => {
    let result = bytes
    for (const [at, byte, kind] of edits) {
      const position = result.length === 0 ? 0 : at % result.length
      const kept = kind === 0 ? position : position + 1
      result = Buffer.concat([
        result.subarray(0, position),
        kind === 1 ? Buffer.alloc(0) : Buffer.from([byte]),
        result.subarray(kept),
      ])
    }
    return result
  })

export const methods = fc.constantFrom('GET', 'GET', 'GET', 'HEAD')
