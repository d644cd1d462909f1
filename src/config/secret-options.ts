/** Hides the values that a schema marks with `secret: true` from everything that shows the config. */
import type { ConfigDocument, Path } from './document.ts'
import type { Schema } from './schema/forms.ts'
import type { Validator } from './schema/validator.ts'

export function hideSecrets(document: ConfigDocument, validator: Validator | null, path: Path): void {
  if (validator?.hasSecrets === true) hide(document, validator.schema, path)
}

function hide(document: ConfigDocument, schema: Schema, path: Path): void {
  if (!document.has(path)) return
  if (schema['secret'] === true) document.hide(document.nodeAt(path))
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    for (const branch of (schema[keyword] ?? []) as readonly Schema[]) hide(document, branch, path)
  }
  for (const [key, property] of Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)) {
    hide(document, property, [...path, key])
  }
  const { additionalProperties: rest, items } = schema as { additionalProperties?: unknown; items?: unknown }
  if (isSchema(rest)) for (const key of document.keysOf(path)) hide(document, rest, [...path, key])
  if (isSchema(items))
    for (let index = 0; document.has([...path, index]); index++) hide(document, items, [...path, index])
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
