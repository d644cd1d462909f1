/** A request described as JSON, and the answer, as they pass between the admin listener and whoever serves. */
import type { Generation } from '../generation/generation.ts'
import { arrivalOf, type DescribedRequest, DescriptionError } from './described-request.ts'
import { type Explanation, explain } from './explanation.ts'
import { inTime } from './in-time.ts'

export type ExplainAnswer =
  | { readonly explanation: Explanation }
  /** Why the description is none of a request. */
  | { readonly problem: string }

/** Explains on what serves: its counters are read, its cache is looked into, its targets are as they are. Nothing is changed. */
export async function explainOn(generation: Generation, request: DescribedRequest): Promise<ExplainAnswer> {
  const { compiled } = generation
  try {
    return { explanation: explain(request, await inTime(generation.dryRun(arrivalOf(request, compiled))), compiled) }
  } catch (error) {
    if (error instanceof DescriptionError) return { problem: error.message }
    throw error
  }
}

/** Reads a description. Throws DescriptionError for what is none. */
export function requestFromJson(body: unknown): DescribedRequest {
  if (!isMap(body)) throw new DescriptionError('method', 'the body is a JSON object with method and url')
  for (const key of Object.keys(body)) {
    if (!Object.hasOwn(readers, key)) {
      throw new DescriptionError('method', `there is no "${key}": there is ${Object.keys(readers).join(', ')}`)
    }
  }
  const { method, url } = body
  if (typeof method !== 'string' || typeof url !== 'string')
    throw new DescriptionError('method', 'method and url are needed, as text')
  for (const [key, accepts] of Object.entries(readers)) {
    const value = body[key]
    if (value !== undefined && !accepts(value)) throw new DescriptionError('method', `"${key}" is ${shapes[key]}`)
  }
  const { headers, body: bodyLength, ...rest } = body
  return {
    ...(rest as Partial<DescribedRequest>),
    method,
    url,
    headers: flat(headers),
    bodyLength: bodyLength as number | undefined,
  }
}

const isText = (value: unknown) => typeof value === 'string'
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)

const readers: Readonly<Record<string, (value: unknown) => boolean>> = {
  method: isText,
  url: isText,
  headers: (value) => isMap(value) && Object.values(value).every((one) => isText(one) || isTexts(one)),
  as: isText,
  claims: isMap,
  ip: isText,
  listener: isText,
  http: isText,
  body: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
}

const shapes: Readonly<Record<string, string>> = {
  method: 'text',
  url: 'text',
  headers: 'a map of names to text, or to lists of text',
  as: 'text',
  claims: 'a map',
  ip: 'text',
  listener: 'text',
  http: 'text',
  body: 'a number of bytes',
}

function flat(headers: unknown): string[] {
  return Object.entries((headers ?? {}) as Record<string, string | string[]>).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [name, one]),
  )
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
