/** Which way the body of a request goes. */
import type { RetryConfig } from '../config/resilience.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { DirectUpload } from './direct-upload.ts'
import { isRepeatable } from './retry.ts'
import { type BodyUpload, Upload, type UploadOptions } from './upload.ts'

type How = Pick<UploadOptions, 'idleMs' | 'events'>

export function uploadOf(exchange: Exchange, retries: RetryConfig | null, how: How): BodyUpload {
  const raw = exchange.raw!
  const { upstreamRequest } = exchange
  const keep = retries !== null && isRepeatable(upstreamRequest) ? retries.bodyBuffer : 0
  const options = { ...how, keep }
  const passes = keep === 0 && upstreamRequest.taps.length === 0 && upstreamRequest.transforms.length === 0
  if (passes && raw.hasDirectBody === true) return new DirectUpload(exchange, options)
  return new Upload(exchange, raw.incoming, options)
}
