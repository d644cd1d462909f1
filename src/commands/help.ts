/** `sluice help`: what there is; of one command how it is called; of one plugin its options, from its schema. */
import { PluginCatalog } from '../config/plugin-catalog.ts'
import type { Schema } from '../config/schema/forms.ts'
import { nameHint } from '../config/suggest.ts'
import type { ExitCode, Io } from './arguments.ts'
import { commands, usage } from './commands.ts'

export async function runHelp(args: readonly string[], io: Io): Promise<ExitCode> {
  const [topic, name] = args
  if (topic === undefined) io.stdout(usage())
  else if (topic === 'plugin') return pluginHelp(name, io)
  else {
    const command = commands.get(topic)
    if (command === undefined) return unknownCommand(topic, io)
    io.stdout(`usage: sluice ${command.synopsis}\n\n${command.summary}\n\n${exitCodes}`)
  }
  return 0
}

const exitCodes = 'Exit codes: 0 fine; 1 the file, or the answer, is bad; 2 the command was not understood.\n'

/** Says which command was probably meant. */
export function unknownCommand(name: string, io: Io): ExitCode {
  const hint = nameHint(
    name,
    [...commands.keys()].filter((known) => !known.startsWith('-')),
  )
  io.stderr(`sluice has no command "${name}"${hint === undefined ? '.' : `; ${hint}`}\n\n${usage()}`)
  return 2
}

async function pluginHelp(name: string | undefined, io: Io): Promise<ExitCode> {
  const plugins = await new PluginCatalog().builtInSchemas()
  const names = plugins.map((plugin) => plugin.name)
  const found = plugins.find((plugin) => plugin.name === name)
  if (found !== undefined) {
    io.stdout(`plugin ${found.name}\n\n${optionsText(found.schema)}`)
    return 0
  }
  if (name === undefined) {
    io.stdout(`usage: sluice help plugin NAME\n\nPlugins: ${names.join(', ')}\n`)
    return 0
  }
  const hint = nameHint(name, names)
  io.stderr(`there is no plugin "${name}" in the box${hint === undefined ? '' : `; ${hint}`}\n`)
  return 2
}

function optionsText(schema: Schema): string {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)
  const required = new Set((schema['required'] ?? []) as string[])
  if (properties.length === 0) return 'It has no options.\n'
  return properties.map(([name, option]) => optionText(name, option, required.has(name))).join('')
}

function optionText(name: string, option: Schema, needed: boolean): string {
  const { default: fallback, enum: choices, description = '' } = option
  const marks = [
    ...(needed ? ['required'] : []),
    ...(Array.isArray(choices) ? [`one of ${choices.join(', ')}`] : []),
    ...(fallback === undefined
      ? []
      : [`default ${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}`]),
  ]
  return `  ${name}${marks.length === 0 ? '' : `  (${marks.join('; ')})`}\n      ${String(description)}\n`
}
