/** What `sluice help plugin NAME` says: from the schema and the traits of the plugin, and its page of the documentation. */
import { readFileSync } from 'node:fs'
import type { LoadedPlugin, PluginCatalog } from '../config/plugin-catalog.ts'
import { type Schema, unitOf } from '../config/schema/forms.ts'
import { section, term, wrapped } from './manual/text.ts'

type Traits = Extract<LoadedPlugin, { kind: 'native' }>['module']['traits']

const reference = new URL('../../docs/plugins.md', import.meta.url)

/** The whole text about a plugin in the box. */
export async function pluginText(name: string, catalog: PluginCatalog): Promise<string> {
  const entry = await catalog.find(name, { folder: '/', userPlugins: false })
  if ('code' in entry) throw new Error(entry.message)
  const { plugin } = entry
  const schema = (await catalog.builtInSchemas()).find((one) => one.name === name)!.schema
  const traits = plugin.kind === 'native' ? plugin.module.traits : {}
  const options = optionTerms(schema, '')
  return [
    section('Name', [wrapped(`${name} - ${summaryOf(schema)}`, '  ')]),
    section('Description', [wrapped(String(schema['description']), '  ')]),
    section(
      'In a chain',
      [...sentencesOf(traits), ...conditionsOf(traits, schema)].map((sentence) => wrapped(sentence, '  ')),
    ),
    section('Options', options.length === 0 ? ['  It has no options.\n'] : options),
    section('Example', [exampleOf(name).replaceAll(/^(?=.)/gm, '  ')]),
    section('See also', [`  docs/plugins.md#${name}\n`]),
  ]
    .filter((text) => text !== '')
    .join('\n')
}

/** The first sentence about a plugin. */
export function summaryOf({ description }: Schema): string {
  return `${String(description).split('. ', 1)[0]!.replace(/\.$/, '')}.`
}

const needWords: Readonly<Record<string, string>> = {
  consumer: 'An authenticator has to stand above it.',
  'after-authenticators': 'It has to stand below every authenticator.',
  'before-authenticators': 'It has to stand above every authenticator.',
  'client-certificates': 'The listeners of its route have to ask for client certificates.',
}

/** What the traits of a plugin mean to whoever writes a chain. */
function sentencesOf({ authenticates, refuses, answers, optional, restricts, buffers, needs }: Traits): string[] {
  const sentences: [boolean, string][] = [
    [authenticates === true, 'It authenticates: a route with it needs no `public`.'],
    [optional === true, 'With `optional: true` requests without credentials pass as anonymous.'],
    [restricts === true, 'It decides who may pass.'],
    [refuses === true, 'It may refuse a request; with `mode: observe` it only says that it would.'],
    [answers === true, 'It may answer instead of the upstream.'],
    [answers === 'preflight', 'It answers CORS preflights instead of the upstream.'],
    [buffers === true, 'It collects bodies, up to a limit.'],
  ]
  const needed = typeof needs === 'function' ? [] : (needs ?? [])
  return [
    ...sentences.filter(([holds]) => holds).map(([, sentence]) => sentence),
    ...needed.flatMap((need) => needWords[need] ?? []),
  ]
}

/** What it needs with some option, found out by the examples of its options. */
function conditionsOf({ needs }: Traits, schema: Schema): string[] {
  if (typeof needs !== 'function') return []
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)
  return properties.flatMap(([name, { examples }]) =>
    ((examples ?? []) as unknown[]).flatMap((value) =>
      needs({ [name]: value }).flatMap((need) => {
        const [first = '', ...rest] = needWords[need] ?? ''
        return first === '' ? [] : [`With \`${name}: ${value}\`: ${first.toLowerCase()}${rest.join('')}`]
      }),
    ),
  )
}

/** Each option, and those inside it by their whole name. */
function optionTerms(schema: Schema, prefix: string): string[] {
  const required = new Set((schema['required'] ?? []) as string[])
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)
  return properties.flatMap(([name, option]) => [
    term(`${prefix}${name}`, `${facts(option, required.has(name))}. ${String(option['description'])}`),
    ...optionTerms(option, `${prefix}${name}.`),
  ])
}

function facts(option: Schema, required: boolean): string {
  const { default: fallback } = option
  const said = typeof fallback === 'string' ? fallback : JSON.stringify(fallback)
  const kind = kindOf(option)
  return [kind, ...(required ? ['required'] : []), ...(fallback === undefined ? [] : [`default ${said}`])].join('; ')
}

function kindOf(option: Schema): string {
  const { anyOf, enum: choices, type, items } = option
  if (Array.isArray(anyOf)) return [...new Set((anyOf as Schema[]).map(kindOf))].join(' or ')
  if (Array.isArray(choices)) return choices.join(' | ')
  if (type === 'string') return unitOf(option)?.unit ?? 'text'
  if (type === 'boolean') return 'true | false'
  if (type === 'array') return `list of ${kindOf((items ?? {}) as Schema)}`
  if (type === 'object') return 'map'
  return type === 'integer' || type === 'number' ? 'number' : 'any value'
}

/** The first example of the reference, which its tests load. */
function exampleOf(name: string): string {
  const page = readFileSync(reference, 'utf8')
  const [, rest = ''] = page.split(`\n## ${name}\n`, 2)
  const [about = ''] = rest.split('\n## ', 1)
  const [, kind, text] = /^```yaml( fragment=plugins)?[^\n]*\n([\s\S]*?)^```$/m.exec(about) ?? []
  if (text === undefined) throw new Error(`docs/plugins.md has no example of ${name}`)
  return kind === undefined ? text : `plugins:\n${text.replaceAll(/^(?=.)/gm, '  ')}`
}
