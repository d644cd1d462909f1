/** Problems of bytes that are no request: said on the connection itself, where there is no exchange to answer. */
import { requestId } from '../exchange/request-id.ts'
import { Problem, problemDocument, problems } from '../problem.ts'

/** What is wrong, by the code of Node's parser. */
export function malformed(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers-too-large', 'The request head is too large.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request-timeout', 'The request head did not arrive in time.')
    default:
      return new Problem('bad-request', 'The bytes received are not a valid HTTP/1.1 request.')
  }
}

/** The whole answer; the connection ends with it. */
export function problemBytes(problem: Problem): string {
  const { status, title } = problems[problem.code]
  const id = requestId()
  const body = problemDocument(problem, id)
  const fields = [...problem.headers]
  let more = ''
  while (fields.length > 0) more += `${fields.shift()}: ${fields.shift()}\r\n`
  return (
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\nx-request-id: ${id}\r\n${more}` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
  )
}
