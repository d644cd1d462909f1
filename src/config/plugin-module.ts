/** Whether a module is a plugin: what it exports, looked at before anybody runs it. */

/** Why this is no plugin; null when it is one. A module with `traits` is held to our contract, any other is a Fastify plugin. */
export function moduleProblem(module: Record<string, unknown>): string | null {
  const { traits, schema } = module
  if (traits === undefined) return foreignProblem(module['default'], schema)
  if (typeof module['default'] !== 'function') return 'has no default export that is a function'
  if (!isRecord(traits)) return 'has traits that are no object'
  if (!isRecord(schema)) return 'has no schema of its options'
  if (schema['type'] !== 'object') return 'has a schema that is not of type "object"'
  if (schema['additionalProperties'] !== false) return 'has an open schema: "additionalProperties" must be false'
  return traitsProblem(traits)
}

function foreignProblem(plugin: unknown, schema: unknown): string | null {
  const isPlugin = typeof plugin === 'function' || (isRecord(plugin) && typeof plugin['default'] === 'function')
  if (!isPlugin) return 'has no default export that is a function'
  if (schema !== undefined && !isRecord(schema)) return 'has a schema that is no object'
  return null
}

const flags = ['authenticates', 'optional', 'assumes', 'refuses', 'buffers', 'restricts', 'lazy']
const functions = ['reads', 'secrets', 'reserves']
const needs = ['consumer', 'after-authenticators', 'before-authenticators', 'client-certificates', 'record']

function traitsProblem(traits: Record<string, unknown>): string | null {
  for (const [name, value] of Object.entries(traits)) {
    if (flags.includes(name)) {
      if (typeof value !== 'boolean') return `has a trait "${name}" that is neither true nor false`
    } else if (functions.includes(name)) {
      if (typeof value !== 'function') return `has a trait "${name}" that is no function`
    } else if (name === 'answers') {
      if (typeof value !== 'boolean' && value !== 'preflight')
        return 'has a trait "answers" that is none of true, false, "preflight"'
    } else if (name === 'needs') {
      const known = Array.isArray(value) && value.every((need) => needs.includes(need))
      if (typeof value !== 'function' && !known) return `has a trait "needs" with others than ${needs.join(', ')}`
    } else {
      return `has an unknown trait "${name}"`
    }
  }
  return null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
