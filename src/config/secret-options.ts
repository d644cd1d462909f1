/** Hides the values that a schema marks with `secret: true` from everything that shows the config. */
import type { ConfigDocument, Path } from './document.ts'
import type { Schema } from './schema/forms.ts'
import type { Validator } from './schema/validator.ts'

export function hideSecrets(document: ConfigDocument, validator: Validator | null, path: Path): void {
  for (const steps of validator?.secrets ?? []) hide(document, path, steps)
}

/** Where secrets stand in data of a schema: keys, and `null` for any key or index. */
export type SecretPath = readonly (string | null)[]

export function secretPaths(schema: Schema): SecretPath[] {
  if (schema['secret'] === true) return [[]]
  const found: SecretPath[] = []
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    for (const branch of (schema[keyword] ?? []) as readonly Schema[]) found.push(...secretPaths(branch))
  }
  for (const [key, property] of Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)) {
    for (const rest of secretPaths(property)) found.push([key, ...rest])
  }
  for (const inner of [schema['additionalProperties'], schema['items']]) {
    if (isSchema(inner)) for (const rest of secretPaths(inner)) found.push([null, ...rest])
  }
  return found
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hide(document: ConfigDocument, path: Path, [step, ...rest]: SecretPath): void {
  if (step === undefined) {
    document.hide(document.nodeAt(path))
    return
  }
  const keys = step === null ? document.childrenOf(path) : [step]
  for (const key of keys) hide(document, [...path, key], rest)
}
