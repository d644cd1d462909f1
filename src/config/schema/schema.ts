/** JSON Schema of gateway.yaml: the one source of keys, types, defaults and descriptions. */
import { admin, consumers, dns, limits, listen, shutdown, trustedProxies } from './edge.ts'
import { closed, list, type Schema, text } from './forms.ts'
import { chains, globalPlugins, routes } from './routes.ts'
import { store } from './store.ts'
import { reload, tests } from './tests.ts'
import { threads } from './threads.ts'
import { upstreams } from './upstreams.ts'

/** What an editor is told about one plugin. */
export interface PluginSchema {
  readonly name: string
  readonly schema: Schema
}

/** An item as the reader of chains takes it apart: a name, or a map that it looks into itself. */
const looseItem: Schema = { anyOf: [{ type: 'string', minLength: 1 }, { type: 'object' }] }

/** What the config is checked against; options of plugins are checked by their own schemas. */
export const baseSchema: Schema = gatewaySchema(looseItem)

/** The schema for editors, with the options of each plugin in it. */
export function editorSchema(plugins: readonly PluginSchema[]): Schema {
  const schema = gatewaySchema({ $ref: '#/definitions/item' })
  const bare = plugins.filter((plugin) => !needsOptions(plugin)).map(({ name }) => name)
  const foreign = '^(\\.{0,2}/|@)'
  const definitions: Record<string, Schema> = {
    item: {
      description: 'A plugin, a chain, or `any` of several authenticators.',
      anyOf: [
        { type: 'string', enum: bare, description: 'A plugin without options.' },
        {
          type: 'string',
          not: { enum: plugins.map(({ name }) => name).filter((name) => !bare.includes(name)) },
          description: 'A chain of `chains`, a plugin by path, or a package.',
          examples: ['signed-in', './plugins/tenant.ts', '@fastify/helmet'],
        },
        {
          type: 'object',
          description: 'A plugin with options.',
          minProperties: 1,
          maxProperties: 1,
          properties: {
            ...Object.fromEntries(plugins.map(({ name }) => [name, { $ref: `#/definitions/${name}` }])),
            any: { $ref: '#/definitions/any' },
          },
          patternProperties: { [foreign]: { description: 'Options of a plugin by path or package name.' } },
        },
      ],
    },
    any: {
      description: 'The first authenticator whose credentials are present decides alone.',
      anyOf: [
        list('The authenticators.', { $ref: '#/definitions/item' }, { minItems: 1 }),
        closed('With options.', {
          of: list('The authenticators.', { $ref: '#/definitions/item' }, { minItems: 1 }),
          optional: { type: 'boolean', default: false, description: 'Requests without credentials pass as anonymous.' },
        }),
      ],
    },
  }
  for (const { name, schema: options } of plugins) definitions[name] = withoutDialect(options)
  const title = 'gateway.yaml of Sluice'
  const whole = { $schema: 'http://json-schema.org/draft-07/schema#', title, ...schema, definitions }
  return withPlaceholders(whole) as Schema
}

function needsOptions({ schema }: PluginSchema): boolean {
  return schema['required'] !== undefined || schema['minProperties'] !== undefined
}

function gatewaySchema(item: Schema): Schema {
  return closed(
    'Configuration of one gateway.',
    {
      name: text('Our name in `via`.', { pattern: '^[A-Za-z0-9._-]{1,64}$', examples: ['edge-1'] }),
      listen,
      admin,
      store,
      threads,
      trustedProxies,
      limits,
      shutdown,
      dns,
      consumers,
      chains: chains(item),
      plugins: globalPlugins(item),
      upstreams,
      routes: routes(item),
      tests,
      reload,
    },
    { required: ['routes'] },
  )
}

/** Editors see a file before its placeholders are filled in: text with one in it may be anything. */
function withPlaceholders(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withPlaceholders)
  if (typeof schema !== 'object' || schema === null) return schema
  const made: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) made[key] = withPlaceholders(value)
  if (made['type'] !== 'string') return made
  const { minLength, maxLength, pattern, ...rest } = made
  if (minLength === undefined && maxLength === undefined && pattern === undefined) return made
  const own = pattern ?? `^[\\s\\S]{${minLength ?? 0},${maxLength ?? ''}}$`
  return { ...rest, pattern: `(?:${own})|\\$\\{(?:env|file):` }
}

/** One document has one dialect and one identity. */
export function withoutDialect(schema: Schema): Schema {
  const { $schema: _dialect, $id: _identity, ...rest } = schema
  return rest
}
