import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { runSchema } from '../../src/commands/schema.ts'
import { shownBy } from '../support/shown.ts'

const cwd = mkdtempSync(join(tmpdir(), 'sluice-schema-'))
afterAll(() => rmSync(cwd, { recursive: true }))

function run(...args: string[]) {
  return shownBy(runSchema, args, { cwd })
}

const schema = JSON.parse((await run()).stdout)
const validate = new Ajv({ strict: false, allErrors: true }).compile(schema)

test('the schema takes a config that uses every key', () => {
  const file = join(import.meta.dirname, '../config/cases/everything-right.yaml')
  const config = parse(readFileSync(file, 'utf8').split('----------\n', 1)[0]!)

  expect(validate(config), JSON.stringify(validate.errors)).toBe(true)
})

test.for([
  'routes: { a: { match: /a, upstrem: o } }',
  'routes: { a: { match: /a, plugins: [rate-limit: { max: many, window: 1m }] } }',
  'routes: { a: { match: /a, plugins: [rate-limit: { max: 5, window: 1m, optional: true }] } }',
  'routes: { a: { match: /a } }\nlimits: { headers: 0 }',
  'routes: { a: { match: /a, plugins: [rate-limit] } }',
  'plugins: [{ any: [jwt, api-key] }]\nroutes: {}',
])('the schema refuses %s', (text) => {
  expect(validate(parse(text))).toBe(false)
})

test('a placeholder may stand wherever text may', () => {
  const text = `admin: { token: "\${env:T}" }\nlimits: { headTimeout: "\${env:HEAD}" }\nroutes: {}`

  expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true)
})

test.for([
  'api-key',
  'signed-in',
  './plugins/tenant.ts',
  '"@fastify/helmet"',
  '{ ./tenant.ts: { any: 1 } }',
  '{ any: [api-key, mtls] }',
])('the schema takes %s in a chain', (item) => {
  const text = `routes: { a: { match: /a, upstream: "http://a", plugins: [${item}] } }`

  expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true)
})

test('every plugin has a description', () => {
  const plugins = Object.keys(schema.definitions.item.anyOf[2].properties)

  expect(plugins.length).toBeGreaterThan(10)
  expect(plugins.filter((name) => !(schema.definitions[name].description?.length > 20))).toEqual([])
})

test('every key whose value is text has a choice, a default or an example', () => {
  const bare: string[] = []
  visit(schema, '#', (properties, path) => {
    for (const [key, value] of Object.entries(properties)) {
      const branches = value.anyOf ?? [value]
      const isShown = [value, ...branches].some((one) => one.enum ?? one.examples ?? one.default ?? one.const)
      if (branches.some((one: { type?: string }) => one.type === 'string') && !isShown) bare.push(`${path}/${key}`)
    }
  })

  expect(bare).toEqual([])
})

test('every key has a description', () => {
  const bare: string[] = []
  visit(schema, '#', (properties, path) => {
    for (const [key, value] of Object.entries(properties)) {
      if (typeof value === 'object' && value !== null && !('description' in value) && !('$ref' in value))
        bare.push(`${path}/${key}`)
    }
  })

  expect(bare).toEqual([])
})

function visit(value: unknown, path: string, found: (properties: object, path: string) => void): void {
  if (typeof value !== 'object' || value === null) return
  // Alternatives repeat keys to say which go together.
  const alternative = /\/(?:oneOf|anyOf|not)(?:\/\d+)?$/.test(path) && !('type' in value)
  if ('properties' in value && typeof value.properties === 'object' && !alternative) found(value.properties ?? {}, path)
  for (const [key, inner] of Object.entries(value)) visit(inner, `${path}/${key}`, found)
}

test('--output writes the file and says how editors find it', async () => {
  const { code, stdout } = await run('--output', 'gateway.schema.json')

  expect(code).toBe(0)
  expect(stdout).toContain('# yaml-language-server: $schema=gateway.schema.json')
  expect(JSON.parse(readFileSync(join(cwd, 'gateway.schema.json'), 'utf8'))).toEqual(schema)
})

test('a file that cannot be written is an error of one line', async () => {
  expect(await run('--output', 'none/such.json')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'cannot write none/such.json: no such file\n',
  })
})

test('the schema in the repository is the one that is written now', async () => {
  const { stdout } = await run()

  expect(readFileSync(new URL('../../gateway.schema.json', import.meta.url), 'utf8')).toBe(stdout)
})
