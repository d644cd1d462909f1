/** Schemas compiled by Ajv: strict, all errors at once, defaults filled in, nothing coerced. */
import { isIP } from 'node:net'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { type SecretPath, secretPaths } from '../secret-options.ts'
import type { Schema } from './forms.ts'
import { withoutDialect } from './schema.ts'

export type SchemaError = ErrorObject<string, Record<string, unknown>>

export interface Validator {
  readonly schema: Schema
  /** Where its `secret: true` are. */
  readonly secrets: readonly SecretPath[]
  /** Checks and fills in defaults. One cause, one error. */
  check(data: unknown): SchemaError[]
}

const compiled = new WeakMap<Schema, Validator>()

export class ValidatorCompiler {
  readonly #ajv = new Ajv({
    strict: true,
    // `oneOf: [{ required: [a] }, …]` is how a schema says that options exclude each other.
    strictRequired: false,
    allErrors: true,
    verbose: true,
    useDefaults: true,
    allowUnionTypes: true,
    ownProperties: true,
    // Asked for below: what checks schemas is compiled when the first of a stranger comes.
    validateSchema: false,
    // Its optimiser takes longer than all else here, and what it makes is not measurably faster on a config.
    code: { optimize: false },
  })

  constructor() {
    this.#ajv.addVocabulary(['secret', 'markdownDescription'])
    this.#ajv.addFormat('uri', (value: string) => URL.canParse(value))
    this.#ajv.addFormat('hostname', /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i)
    this.#ajv.addFormat('ipv4', (value: string) => isIP(value) === 4)
    this.#ajv.addFormat('ipv6', (value: string) => isIP(value) === 6)
  }

  /** Throws when the schema is none, or uses what strict mode does not know. A schema is compiled once: it does not change. */
  compile(schema: Schema, from: 'the box' | 'the user'): Validator {
    const known = compiled.get(schema)
    if (known !== undefined) return known
    const validator = this.#compile(schema, from)
    compiled.set(schema, validator)
    return validator
  }

  #compile(schema: Schema, from: 'the box' | 'the user'): Validator {
    const full = told(withoutDialect(schema)) as Schema
    if (from === 'the user') this.#ajv.validateSchema(full, true)
    const validate: ValidateFunction = this.#ajv.compile(full)
    return {
      schema,
      secrets: secretPaths(schema),
      check: (data) => (validate(data) ? [] : causes((validate.errors ?? []) as SchemaError[])),
    }
  }
}

/**
 * `anyOf` whose branches differ by type, as a chain of `if`s: Ajv then reports what is wrong with the form that was
 * written, instead of what is wrong with every form, and fills in defaults.
 */
function told(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(told)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) inner[key] = literal.has(key) ? value : told(value)
  const branches = inner['anyOf'] ?? inner['oneOf']
  if (!Array.isArray(branches) || !differByType(branches)) return inner
  const { anyOf: _any, oneOf: _one, ...rest } = inner
  const chain = branches.reduceRight<Schema>(
    // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema.
    (otherwise, branch) => ({ if: { type: branch.type }, then: branch, else: otherwise }),
    {},
  )
  return { ...rest, type: branches.map(({ type }) => type), ...chain }
}

/** Keywords that hold data, not schemas. */
const literal = new Set(['default', 'const', 'enum', 'examples', 'required', 'description'])

function differByType(branches: readonly unknown[]): branches is { readonly type: string }[] {
  const types = branches.map((branch) =>
    typeof branch === 'object' && branch !== null && 'type' in branch ? branch.type : undefined,
  )
  return types.every((type) => typeof type === 'string') && new Set(types).size === types.length
}

/** Leaves out echoes: of `if`, of names, of what failed within a failed alternative, and of values that are already reported. */
function causes(errors: readonly SchemaError[]): SchemaError[] {
  const alternatives = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf' || keyword === 'not')
  return errors.filter((error) => {
    if (error.keyword === 'if' || error.data === undefined) return false
    // What is wrong with a name is told where the name stands.
    if (error.schemaPath.includes('/propertyNames/')) return false
    if (error.keyword === 'required' && error.data === null) return false
    return !alternatives.some((outer) => outer !== error && error.schemaPath.startsWith(`${outer.schemaPath}/`))
  })
}
