/** The head of one attempt: what the chain made of the request, as this target is to see it. */
import type { Exchange } from '../exchange/exchange.ts'
import type { RequestHead } from '../http1/client.ts'
import type { Target } from '../upstream/target.ts'
import { uploadFraming } from './upload.ts'

/** The head that a target is sent. */
export function headFor(exchange: Exchange, target: Pick<Target, 'authority' | 'basePath'>): RequestHead {
  const { upstreamRequest } = exchange
  const headers = upstreamRequest.headers.raw
  setHost(headers, upstreamRequest.host ?? target.authority)
  return {
    method: upstreamRequest.method,
    target: target.basePath + upstreamRequest.path + upstreamRequest.query,
    headers,
    parsed: exchange.facts.rawHeaders,
    body: uploadFraming(exchange),
  }
}

/** Host stands first (RFC 9110 §7.2), whatever plugins did to the list. */
function setHost(headers: string[], host: string): void {
  if (headers[0] === 'host') headers[1] = host
  else headers.unshift('host', host)
}
