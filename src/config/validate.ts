/** Schema errors → diagnostics, and the data without what is wrong, so that the rest of it can be checked in the same run. */
import type { DiagnosticCode } from './diagnostic.ts'
import type { ConfigDocument, Path } from './document.ts'
import type { Findings, FindingText, Place } from './findings.ts'
import { isSecretKey } from './redaction.ts'
import { type Schema, unitOf } from './schema/forms.ts'
import type { SchemaError, Validator } from './schema/validator.ts'
import { didYouMean, suggest } from './suggest.ts'

export interface Validation {
  readonly document: ConfigDocument
  readonly findings: Findings
  /** Where the data stands in the file. */
  readonly path: Path
  readonly data: unknown
}

/** Checks data against a schema and fills in defaults. False: something was reported, and taken out of the data. */
export function validate(validator: Validator, validation: Validation): boolean {
  const errors = validator.check(validation.data)
  const explained = new Set(errors.filter(isUnknownKey).map(missingTwin))
  for (const error of errors) {
    if (!explained.has(keyOf(error, String(error.params['missingProperty'])))) report(error, validation)
  }
  for (const error of errors) remove(error, validation.data)
  return errors.length === 0
}

function report(error: SchemaError, { document, findings, path }: Validation): void {
  const at = [...path, ...stepsOf(error, document, path)]
  if (isUnknownKey(error)) {
    const key = String(error.params['additionalProperty'])
    const meant = suggest(key, Object.keys((error.parentSchema?.['properties'] ?? {}) as object))
    // A misspelt `token` is as secret as a token.
    if (meant === undefined || isSecret(error, meant)) document.hide(document.nodeAt([...at, key]))
    findings.error(
      'unknown-key',
      document.keyPlace([...at, key]),
      unknownKey(key, error, { parent: document.place(at), present: new Set(document.keysOf(at)) }),
    )
    return
  }
  if (error.keyword === 'required') {
    const key = String(error.params['missingProperty'])
    // There, but its value could not be read: that has been said.
    if (document.has([...at, key])) return
    findings.error('missing-key', document.keyPlace(at), `${subject(document.place(at))} needs the key "${key}"`)
    return
  }
  const place =
    error.keyword === 'propertyNames'
      ? document.keyPlace([...at, String(error.params['propertyName'])])
      : document.place(at)
  const [code, text] = explain(error, document.shown(at))
  findings.error(code, place, text)
}

function unknownKey(
  key: string,
  error: SchemaError,
  { parent, present }: { parent: Place; present: ReadonlySet<string> },
): FindingText {
  const known = Object.keys((error.parentSchema?.['properties'] ?? {}) as object)
  const missing = known.filter((name) => !present.has(name))
  const suggestion =
    didYouMean(key, missing) ?? (known.length <= 12 && known.length > 0 ? `known keys: ${known.join(', ')}` : undefined)
  return { message: `${subject(parent)} has no key "${key}"`, suggestion }
}

function isSecret(error: SchemaError, key: string): boolean {
  const properties = (error.parentSchema?.['properties'] ?? {}) as Record<string, Schema>
  return isSecretKey(key) || properties[key]?.['secret'] === true
}

function subject(place: Place): string {
  return place.path === '' ? 'the file' : place.path
}

/** What is wrong with a value, composed of what was expected and what is there. */
function explain(error: SchemaError, found: string): [DiagnosticCode, FindingText] {
  const schema = (error.parentSchema ?? {}) as Schema
  const { params } = error
  const wrong = (expected: string): [DiagnosticCode, FindingText] => [
    'wrong-value',
    { message: `expected ${expected}, found ${found}` },
  ]
  switch (error.keyword) {
    case 'type':
      return explainType(error, found)
    case 'pattern':
      return explainPattern(schema, found)
    case 'propertyNames':
      return explainPattern(error.schema as Schema, `"${params['propertyName']}"`)
    case 'enum':
      return explainEnum(error, found)
    case 'const':
      // The one constant is `true`, where text may stand too: what is found is `false`.
      return [
        'wrong-type',
        { message: `expected ${params['allowedValue']}, found ${found}`, suggestion: inQuotes({}, found) },
      ]
    case 'minimum':
      return wrong(`at least ${params['limit']}`)
    case 'maximum':
      return wrong(`at most ${params['limit']}`)
    case 'exclusiveMinimum':
      return wrong(`more than ${params['limit']}`)
    case 'exclusiveMaximum':
      return wrong(`less than ${params['limit']}`)
    case 'minLength':
      return wrong(params['limit'] === 1 ? 'some text' : `at least ${params['limit']} characters`)
    case 'maxLength':
      return wrong(`at most ${params['limit']} characters`)
    case 'minItems':
      return wrong(params['limit'] === 1 ? 'at least one entry' : `at least ${params['limit']} entries`)
    case 'maxItems':
      return wrong(`at most ${params['limit']} entries`)
    case 'uniqueItems':
      return wrong('a list without repetitions')
    case 'minProperties':
      return [
        'missing-key',
        { message: `expected at least ${params['limit']} of its keys, found none`, suggestion: keysOf(schema) },
      ]
    case 'maxProperties':
      return [
        'conflicting-keys',
        { message: `expected at most ${params['limit']} of its keys`, suggestion: keysOf(schema) },
      ]
    case 'not':
      return ['conflicting-keys', { message: 'these do not go together' }]
    case 'anyOf':
    case 'oneOf':
      return explainAlternatives(error, found)
    case 'format':
      return wrong(`text in the format "${params['format']}"`)
    default:
      return ['wrong-value', { message: `${error.message ?? 'is not allowed'}` }]
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true/false',
  array: 'a list',
  object: 'a map',
  null: 'nothing',
}

function explainType(error: SchemaError, found: string): [DiagnosticCode, FindingText] {
  const schema = (error.parentSchema ?? {}) as Schema
  const types = [error.params['type']].flat().map(String)
  const unit = types.includes('string') ? unitOf(schema) : undefined
  const bare = typeof error.data === 'number' || typeof error.data === 'boolean'
  if (unit !== undefined && typeof error.data === 'number') {
    const message = `expected a ${unit.unit}, found ${found}`
    return [
      'wrong-unit',
      {
        message,
        suggestion: `${unit.unit}s are strings with units: write "${sampleOf(error.data, schema, unit.example)}"`,
      },
    ]
  }
  if (unit !== undefined)
    return ['wrong-unit', { message: `expected a ${unit.unit} such as ${unit.example}, found ${found}` }]
  const names = types.map((type) =>
    types.length === 1 && type === 'boolean' ? 'true or false' : (typeNames[type] ?? type),
  )
  const message = `expected ${either(names)}, found ${found}`
  if (types.includes('string') && bare) return ['wrong-type', { message, suggestion: inQuotes(schema, found) }]
  if (types[0] === 'array' && typeof error.data === 'string')
    return ['wrong-type', { message, suggestion: 'write it as a list: […]' }]
  return ['wrong-type', { message }]
}

function either(names: readonly string[]): string {
  return names.length < 3 ? names.join(' or ') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}

const MOST_EXAMPLES = 3

/** What text that has to match a pattern is called, or looks like, as its schema says. */
function calledBy({ title, examples, default: fallback, pattern }: Schema): string {
  if (typeof title === 'string') return title
  const texts = (Array.isArray(examples) ? examples : [fallback]).filter((one) => typeof one === 'string')
  if (texts.length === 0) return pattern === undefined ? 'another name' : `text that matches ${pattern}`
  return `text such as ${either(texts.slice(0, MOST_EXAMPLES).map((one) => `"${one}"`))}`
}

/** Quotes help where any text will do. */
function inQuotes({ examples }: Schema, found: string): string {
  const [example] = Array.isArray(examples) ? examples : []
  if (typeof example === 'string') return `such as "${example}"`
  return `write "${found.replace('the number ', '')}" in quotes`
}

/** The number that was written, with a unit. */
function sampleOf(number: number, { pattern }: Schema, example: string): string {
  const suffix = ['s', 'B', '%'].find((unit) => new RegExp(String(pattern), 'u').test(`${number}${unit}`))
  return `${number}${suffix ?? example.replace(/^\d+/, '')}`
}

function explainPattern(schema: Schema, found: string): [DiagnosticCode, FindingText] {
  const unit = unitOf(schema)
  if (unit !== undefined) {
    const units = { duration: 'ms, s, m, h, d', size: 'B, KB, MB, GB, KiB, MiB, GiB', percentage: '%' }[unit.unit]
    const message = `expected a ${unit.unit} such as ${unit.example}, found ${found}`
    return ['wrong-unit', { message, suggestion: `a number and one of ${units}` }]
  }
  if (schema['pattern'] === '\\S') return ['wrong-value', { message: `expected some text, found ${found}` }]
  return ['wrong-value', { message: `expected ${calledBy(schema)}, found ${found}` }]
}

function explainEnum(error: SchemaError, found: string): [DiagnosticCode, FindingText] {
  const allowed = (error.params['allowedValues'] as readonly unknown[]).map(String)
  const best = typeof error.data === 'string' ? suggest(error.data, allowed) : undefined
  const one = error.parentSchema?.['title'] ?? allowed[0]
  const message = `expected ${allowed.length === 1 ? one : `one of ${allowed.join(', ')}`}, found ${found}`
  return ['wrong-value', { message, suggestion: best === undefined ? undefined : `did you mean "${best}"?` }]
}

function explainAlternatives(error: SchemaError, found: string): [DiagnosticCode, FindingText] {
  const branches = error.schema as readonly { required?: readonly string[] }[]
  const keys = branches.map(({ required }) => required?.join(' and '))
  if (keys.some((key) => key === undefined))
    return ['wrong-value', { message: `none of the allowed forms fits ${found}` }]
  const one = error.keyword === 'oneOf' ? 'exactly one' : 'at least one'
  return ['conflicting-keys', { message: `expected ${one} of ${keys.join(', ')}` }]
}

function keysOf(schema: Schema): string | undefined {
  const known = Object.keys((schema['properties'] ?? {}) as object)
  return known.length === 0 ? undefined : `known keys: ${known.join(', ')}`
}

function isUnknownKey({ keyword }: SchemaError): boolean {
  return keyword === 'additionalProperties'
}

/** The missing key that an unknown one was meant to be: reported once, where it stands. */
function missingTwin(error: SchemaError): string {
  const required = (error.parentSchema?.['required'] ?? []) as readonly string[]
  return keyOf(error, suggest(String(error.params['additionalProperty']), required) ?? '')
}

function keyOf(error: SchemaError, key: string): string {
  return `${error.instancePath} ${key}`
}

/** JSON pointers do not tell list indexes from keys: the file does. */
function stepsOf(error: SchemaError, document: ConfigDocument, base: Path): Path {
  const steps: (string | number)[] = []
  for (const part of error.instancePath.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    const index = Number(key)
    steps.push(/^\d+$/.test(key) && document.has([...base, ...steps, index]) ? index : key)
  }
  return steps
}

/** Takes the wrong value out; a list keeps a gap there, so that its other items keep their places. */
function remove(error: SchemaError, data: unknown): void {
  if (error.keyword === 'required') return
  const steps = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (isUnknownKey(error)) steps.push(String(error.params['additionalProperty']))
  if (error.keyword === 'propertyNames') steps.push(String(error.params['propertyName']))
  const last = steps.pop()
  if (last === undefined) return
  let holder: unknown = data
  for (const step of steps) {
    if (typeof holder !== 'object' || holder === null) return
    holder = (holder as Record<string, unknown>)[step]
  }
  if (Array.isArray(holder)) holder[Number(last)] = undefined
  else if (typeof holder === 'object' && holder !== null) delete (holder as Record<string, unknown>)[last]
}
