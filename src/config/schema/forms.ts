/** The vocabulary of our schemas: closed maps, strings with units, values with a short and a long form. */
import { durationPattern, percentagePattern, sizePattern } from '../units.ts'

/** A JSON Schema (draft-07). */
export interface Schema {
  readonly [keyword: string]: unknown
}

type Properties = Readonly<Record<string, Schema>>

export function duration(description: string, fallback?: string): Schema {
  return unit({ pattern: durationPattern, description, examples: ['250ms', '30s', '5m'] }, fallback)
}

export function size(description: string, fallback?: string): Schema {
  return unit({ pattern: sizePattern, description, examples: ['16KiB', '10MB'] }, fallback)
}

export function percentage(description: string, fallback?: string): Schema {
  return unit({ pattern: percentagePattern, description, examples: ['20%'] }, fallback)
}

function unit(keywords: Schema, fallback: string | undefined): Schema {
  return { type: 'string', ...keywords, ...(fallback === undefined ? {} : { default: fallback }) }
}

const units = { duration: '30s', size: '16KiB', percentage: '20%' } as const
export type Unit = keyof typeof units

/** What kind of string with a unit a schema asks for, if any: seen by what its pattern takes, so that plugins may have their own. */
export function unitOf(schema: Schema): { readonly unit: Unit; readonly example: string } | undefined {
  const { pattern } = schema
  if (typeof pattern !== 'string') return undefined
  const accepts = new RegExp(pattern, 'u')
  if (accepts.test('30') || accepts.test('word')) return undefined
  for (const [unit, example] of Object.entries(units)) if (accepts.test(example)) return { unit: unit as Unit, example }
  return undefined
}

export function text(description: string, keywords: Schema = {}): Schema {
  return { type: 'string', description, ...keywords }
}

export function count(description: string, fallback: number): Schema {
  return { type: 'integer', minimum: 1, default: fallback, description }
}

export function flag(description: string, fallback: boolean): Schema {
  return { type: 'boolean', default: fallback, description }
}

export function choice(description: string, values: readonly string[], fallback?: string): Schema {
  return { type: 'string', enum: values, ...(fallback === undefined ? {} : { default: fallback }), description }
}

export function list(description: string, items: Schema, keywords: Schema = {}): Schema {
  return { type: 'array', items, description, ...keywords }
}

/** A map with these keys and no others. */
export function closed(description: string, properties: Properties, keywords: Schema = {}): Schema {
  return { type: 'object', additionalProperties: false, description, properties, ...keywords }
}

/** A map from names to values. */
export function named(description: string, values: Schema, keywords: Schema = {}): Schema {
  return { type: 'object', additionalProperties: values, description, ...keywords }
}

/** A value that may be written in several ways, told apart by type: one string, one list, one map at most. */
export function forms(description: string, branches: readonly Schema[], keywords: Schema = {}): Schema {
  return { anyOf: branches, description, ...keywords }
}

/** The value that a schema's defaults make of nothing. */
export function defaultOf(schema: Schema): unknown {
  if (schema['type'] !== 'object' || schema['properties'] === undefined) return structuredClone(schema['default'])
  const defaults: Record<string, unknown> = {}
  for (const [key, property] of Object.entries(schema['properties'] as Properties)) {
    const value = defaultOf(property)
    const filled = property['default'] !== undefined
    if (filled && value !== undefined) defaults[key] = value
  }
  return defaults
}
