/** Writes the option tables and the manual from schemas and commands: `npm run docs`. What stands between the marks is never edited by hand. */
import { readFileSync, writeFileSync } from 'node:fs'
import { commands } from '../src/commands/commands.ts'
import type { Manual } from '../src/commands/manual/manual.ts'
import { manualText } from '../src/commands/manual/text.ts'
import { PluginCatalog } from '../src/config/plugin-catalog.ts'
import { type Schema, unitOf } from '../src/config/schema/forms.ts'
import { editorSchema } from '../src/config/schema/schema.ts'

/** Pages with generated sections, from the root of the repository. */
export const generatedPages = ['docs/configuration.md', 'docs/plugins.md', 'docs/commands.md'] as const

const section = /(<!-- options of ([\w.-]+) -->\n)[\s\S]*?(<!-- end of options -->)/g

/** What a section can be made for: `limits`, `plugin.cors`, `command.check`. */
export type Tables = ReadonlyMap<string, string>

export async function optionTables(): Promise<Tables> {
  const plugins = await new PluginCatalog().builtInSchemas()
  const { properties } = editorSchema(plugins) as { properties: Readonly<Record<string, Schema>> }
  const sections = Object.entries(properties).filter(([name]) => name !== 'chains' && name !== 'plugins')
  return new Map([
    ...sections.map(([name, schema]) => [name, table(rowsOf(schema, name, schema))] as const),
    ...plugins.map(({ name, schema }) => [`plugin.${name}`, pluginTable(schema)] as const),
    ...[...commands.values()].map(({ manual }) => [`command.${manual.name}`, manualBlock(manual)] as const),
  ])
}

/** The page with every generated section made anew. Throws where a mark names no schema. */
export function regenerated(page: string, tables: Tables): string {
  return page.replaceAll(section, (_, begin: string, name: string, end: string) => {
    const text = tables.get(name)
    if (text === undefined) throw new Error(`there is no schema of ${name}`)
    return `${begin}\n${text}\n${end}`
  })
}

/** Names of the sections that a page has. */
export function sectionsOf(page: string): string[] {
  return [...page.matchAll(section)].map((match) => match[2]!)
}

interface Row {
  readonly name: string
  readonly value: string
  readonly fallback: string
  readonly description: string
}

function manualBlock(manual: Manual): string {
  return `\`\`\`text\n${manualText(manual)}\`\`\`\n`
}

function pluginTable(schema: Schema): string {
  const rows = propertyRows(schema, '')
  return rows.length === 0 ? 'It has no options.\n' : table(rows)
}

/** Columns are aligned, as the formatter of the repository aligns them. */
function table(rows: readonly Row[]): string {
  const cells = rows.map(({ name, value, fallback, description }) => [
    `\`${name}\``,
    value,
    fallback,
    cell(description),
  ])
  const lines = [['key', 'value', 'default', 'meaning'], ...cells]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const rendered = lines.map((line) => `| ${line.map((text, i) => text.padEnd(widths[i]!)).join(' | ')} |`)
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return `${[rendered[0], rule, ...rendered.slice(1)].join('\n')}\n`
}

/** One row for a key, then one for each key below it. */
function rowsOf(schema: Schema, name: string, outer: Schema, required = false): Row[] {
  const inner = branchesOf(schema).flatMap((branch) => propertyRows(branch, name))
  const own: Row = {
    name,
    value: valueText(schema),
    fallback: required ? 'required' : fallbackOf(outer),
    description: String(schema['description'] ?? ''),
  }
  return [own, ...inner]
}

function propertyRows(schema: Schema, prefix: string): Row[] {
  if (schema['type'] === 'array') return propertyRowsOfAll(schema['items'], `${prefix}[]`)
  const { properties, additionalProperties: more } = schema
  const required = new Set((schema['required'] ?? []) as string[])
  const rows = Object.entries((properties ?? {}) as Record<string, Schema>).flatMap(([key, property]) =>
    rowsOf(property, prefix === '' ? key : `${prefix}.${key}`, property, required.has(key)),
  )
  return [...rows, ...propertyRowsOfAll(more, `${prefix}.NAME`)]
}

function propertyRowsOfAll(schema: unknown, prefix: string): Row[] {
  return isSchema(schema) ? branchesOf(schema).flatMap((branch) => propertyRows(branch, prefix)) : []
}

/** The forms that a value may be written in. */
function branchesOf(schema: Schema): Schema[] {
  return (schema['anyOf'] as Schema[] | undefined) ?? [schema]
}

function valueText(schema: Schema): string {
  const forms = branchesOf(schema).map(formOf)
  return [...new Set(forms)].join(' or ')
}

function formOf(schema: Schema): string {
  const { enum: choices, const: constant, type } = schema
  if (Array.isArray(choices)) return choices.map((choice) => `\`${choice}\``).join(', ')
  if (constant !== undefined) return `\`${constant}\``
  if (type === 'string') return unitOf(schema)?.unit ?? 'text'
  if (type === 'boolean') return '`true`, `false`'
  if (type === 'integer' || type === 'number') return 'number'
  if (type === 'array') return 'list'
  return type === 'object' ? 'map' : 'anything'
}

function fallbackOf({ default: fallback }: Schema): string {
  if (fallback === undefined || isEmpty(fallback)) return ''
  return `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback).replaceAll('"', '').replaceAll(',', ', ')}\``
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

if (import.meta.main) {
  const tables = await optionTables()
  for (const page of generatedPages) writeFileSync(page, regenerated(readFileSync(page, 'utf8'), tables))
}
