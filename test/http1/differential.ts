/** Our parser beside Node's. */
import { parseByNode } from './node-parser.ts'
import { type Parsed, parse } from './responses.ts'

/** All that may come of a comparison; each line but the first two is a decision with its reason. */
export const VERDICTS = [
  'same',
  'both refuse',
  // RFC 9112 §5: a tab around a value is a blank like any other; to Node it makes `chunked` another coding.
  'a tab beside a transfer coding',
  // RFC 9112 §2.3 knows HTTP/1.0 and 1.1; Node also takes 0.9 and 2.0.
  'only we refuse: not an HTTP/1 status line',
  'only we refuse: an unknown HTTP version',
  // RFC 9110 §15: three digits, the first of them 1 to 5 (6 to 9 are in use); RFC 9112 §4: a blank follows.
  'only we refuse: an invalid status code',
  // RFC 9112 §4: reason-phrase is made of what a field value is made of, and ends in CRLF.
  'only we refuse: an invalid byte in the reason phrase',
  // RFC 9112 §6.1, §6.3: Node reads on until close, or goes by the last coding; we pass on nothing we cannot frame ourselves.
  'only we refuse: an unknown Transfer-Encoding',
  'only we refuse: Transfer-Encoding in an HTTP/1.0 response',
  // RFC 9112 §7.1.1: an extension has a name.
  'only we refuse: an invalid chunk extension',
  // Beyond 2^53: RFC 9110 §8.6 warns of overflow; there is no body to it here, or Node would wait for it.
  'only we refuse: an invalid Content-Length',
  // RFC 9110 §15.2.2: upgrades go another way.
  'only we refuse: an upgrade that was not asked for',
  // Our limit is smaller here.
  'only we refuse: the head is too large',
  // RFC 9110 §8.6 lets a recipient take a length repeated alike; upstreams behind a faulty cache send it.
  'only Node refuses: HPE_UNEXPECTED_CONTENT_LENGTH',
  // RFC 9112 §7.1.1, RFC 9110 §5.6.3: a recipient reads "bad" blanks in extensions; Node does not. Without them it takes the same.
  'only Node refuses: a blank in a chunk extension',
]

/** Compares what is made of a response, without what comes behind it: that is no part of a message. */
export async function compare(bytes: Buffer, method: string): Promise<string> {
  const ours = parse(bytes, method)
  if (/transfer-encoding:[^\r\n]*\t/i.test(bytes.toString('latin1'))) return 'a tab beside a transfer coding'
  const node = await parseByNode(bytes.subarray(0, bytes.length - ours.more), method)
  const isAccepted = ours.isComplete && ours.failure === undefined
  if (!isAccepted) return node.isAccepted ? `only we refuse: ${ours.failure}` : 'both refuse'
  if (!node.isAccepted && (await isAllBlanks(bytes, ours, method)))
    return 'only Node refuses: a blank in a chunk extension'
  if (!node.isAccepted) return `only Node refuses: ${node.failure}`
  if (ours.status !== node.status) return `status ${ours.status}, by Node ${node.status}`
  if (ours.body !== node.body) return 'another body'
  return ours.headers.join('\n') === node.headers.join('\n') ? 'same' : 'other headers'
}

/** Whether Node takes the same response, once the lines of its chunks have no blanks. */
async function isAllBlanks(bytes: Buffer, ours: Parsed, method: string): Promise<boolean> {
  const text = bytes.toString('latin1', 0, bytes.length - ours.more)
  const tight = text.replace(/(?<=\r\n)[0-9a-f]+[ \t]*;[^\r\n"]*(?=\r\n)/gi, (line) => line.replaceAll(/[ \t]/g, ''))
  if (tight === text) return false
  const { isAccepted, body } = await parseByNode(Buffer.from(tight, 'latin1'), method)
  return isAccepted && body === ours.body
}
