/** What the embedded origin can answer, one function for each kind of path. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setInterval, setTimeout } from 'node:timers/promises'

export type Answer = (request: IncomingMessage, response: ServerResponse, argument: string) => Promise<void> | void

/** A described body is cut here; the rest is read and dropped. */
const MAX_BODY = 64 * 1024
const MAX_DELAY_MS = 600_000
const MAX_BYTES = 2 ** 40
const EVENT_INTERVAL_MS = 100
const CHUNK = Buffer.alloc(64 * 1024, 'sluice\n')

/** 200 with the request as JSON. */
export async function describe(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const description = await requestDescription(request)
  if (description !== undefined) sendJson(response, 200, description)
}

/** `/delay/<ms>`: the description, later. */
export async function delayed(request: IncomingMessage, response: ServerResponse, argument: string): Promise<void> {
  const ms = wholeNumber(argument, MAX_DELAY_MS)
  if (ms === undefined) return refuse(request, response, 400)
  const left = new AbortController()
  response.once('close', () => left.abort())
  const description = await requestDescription(request)
  await setTimeout(ms, undefined, { signal: left.signal }).catch(ignoreAbort)
  if (description !== undefined && !left.signal.aborted) sendJson(response, 200, description)
}

/** `/status/<code>`: that status, 200 to 599, with the description where the status has a body. */
export async function status(request: IncomingMessage, response: ServerResponse, argument: string): Promise<void> {
  const code = wholeNumber(argument, 599)
  if (code === undefined || code < 200) return refuse(request, response, 400)
  const description = await requestDescription(request)
  if (description === undefined) return
  if (code === 204 || code === 304) response.writeHead(code).end()
  else sendJson(response, code, description)
}

/** `/bytes/<n>`: n bytes, streamed as fast as they are read. */
export async function filler(request: IncomingMessage, response: ServerResponse, argument: string): Promise<void> {
  const length = wholeNumber(argument, MAX_BYTES)
  if (length === undefined) return refuse(request, response, 400)
  request.resume()
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': length })
  if (request.method === 'HEAD') response.end()
  else await pipeline(Readable.from(pieces(length)), response).catch(ignoreAbort)
}

/** `/sse?count=`: an event every 100 ms, without end where no count is given. */
export async function events(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = queryOf(request).get('count')
  const count = asked === null ? Number.POSITIVE_INFINITY : wholeNumber(asked, Number.MAX_SAFE_INTEGER)
  if (count === undefined) return refuse(request, response, 400)
  request.resume()
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  if (request.method === 'HEAD') response.end()
  else await pipeline(Readable.from(eventTexts(count)), response).catch(ignoreAbort)
}

/** An error with a line that says what the path takes. */
export function refuse(request: IncomingMessage, response: ServerResponse, code: 400 | 426): void {
  request.resume()
  const error = code === 426 ? 'This path takes WebSocket connections.' : `${request.url} has no such number.`
  if (code === 426) response.setHeader('upgrade', 'websocket')
  sendJson(response, code, { error })
}

async function requestDescription(request: IncomingMessage): Promise<object | undefined> {
  const body = await readBody(request).catch(ignoreAbort)
  if (body === undefined) return undefined
  const { method, url = '/' } = request
  return {
    method,
    url,
    path: url.split('?', 1)[0],
    query: Object.fromEntries([...queryOf(request).entries()].map(([name]) => [name, values(request, name)])),
    headers: request.headers,
    ...body,
  }
}

async function readBody(request: IncomingMessage): Promise<{ body: string; bytes: number; truncated: boolean }> {
  const kept: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (bytes < MAX_BODY) kept.push(chunk.subarray(0, MAX_BODY - bytes))
    bytes += chunk.length
  }
  return { body: Buffer.concat(kept).toString('utf8'), bytes, truncated: bytes > MAX_BODY }
}

/** One value as text, several as a list. */
function values(request: IncomingMessage, name: string): string | string[] {
  const all = queryOf(request).getAll(name)
  return all.length === 1 ? all[0]! : all
}

function queryOf(request: IncomingMessage): URLSearchParams {
  const { url = '/' } = request
  const start = url.indexOf('?')
  return new URLSearchParams(start === -1 ? '' : url.slice(start + 1))
}

function sendJson(response: ServerResponse, code: number, body: object): void {
  const text = `${JSON.stringify(body, null, 2)}\n`
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

function* pieces(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= CHUNK.length) yield left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK
}

async function* eventTexts(count: number): AsyncGenerator<string> {
  let id = 0
  if (count === 0) return
  for await (const _ of setInterval(EVENT_INTERVAL_MS)) {
    id++
    yield `id: ${id}\ndata: ${JSON.stringify({ id, time: new Date().toISOString() })}\n\n`
    if (id >= count) return
  }
}

function wholeNumber(text: string, max: number): number | undefined {
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  return number <= max ? number : undefined
}

/** The other side left in the middle: nobody is there to be told. */
function ignoreAbort(): undefined {
  return undefined
}
