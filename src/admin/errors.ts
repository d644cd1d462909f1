/** Failures of the admin listener as problem documents: refused requests, Fastify's own errors, bytes that are no HTTP. */
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import { requestId } from '../exchange/request-id.ts'
import type { Log } from '../plugin.ts'
import { Problem, problemDocument } from '../problem.ts'

const MEDIA_TYPE = 'application/problem+json'

/** The problem that an error thrown on the way is. What nobody foresaw is logged, and only its kind is told. */
export function problemOf(error: unknown, log: Log): Problem {
  if (error instanceof Problem) return error
  const status = (error as { statusCode?: number }).statusCode
  if (status === 413) return new Problem('body-too-large', 'The body is too large.', { cause: error })
  if (status === 415) return new Problem('unsupported-media-type', 'Bodies are application/json.', { cause: error })
  if (status === 400) return new Problem('bad-request', 'The path or the JSON body is malformed.', { cause: error })
  log.error({ error }, 'an admin request failed')
  return new Problem('internal', 'The gateway failed to answer; its log says why.', { cause: error })
}

export function sendProblem(reply: FastifyReply, id: string, problem: Problem): void {
  for (let i = 0; i < problem.headers.length; i += 2) reply.header(problem.headers[i]!, problem.headers[i + 1]!)
  // As bytes: to text Fastify adds a charset, which this media type does not have (RFC 9457 §8.1).
  reply
    .code(problem.status)
    .type(MEDIA_TYPE)
    .send(Buffer.from(problemDocument(problem, id)))
}

/** Answers bytes that Node's parser gave up on, and closes. */
export function answerBrokenBytes(error: Error & { code?: string }, socket: Socket): void {
  // Nobody reads after a reset, and after a response has begun an error page would be taken for its body.
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const problem = brokenBytesProblem(error.code)
  const body = problemDocument(problem, requestId())
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.code}\r\ncontent-type: ${MEDIA_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

function brokenBytesProblem(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers-too-large', 'The request head is too large.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Problem('request-timeout', 'The request took too long.')
  return new Problem('bad-request', 'This is no valid HTTP/1.1 request.')
}
