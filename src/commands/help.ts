/** `sluice help`: what there is; of one command its manual; of one plugin what it does and takes. */
import { PluginCatalog } from '../config/plugin-catalog.ts'
import { nameHint } from '../config/suggest.ts'
import type { ExitCode, Io } from './arguments.ts'
import { commands } from './commands.ts'
import { manualText, table } from './manual/text.ts'
import { pluginText, summaryOf } from './plugin-text.ts'

export async function runHelp(args: readonly string[], io: Io): Promise<ExitCode> {
  const [topic, name] = args.filter((word) => word !== '--help' && word !== '-h')
  if (topic === undefined) {
    io.stdout(await overview())
    return 0
  }
  if (topic === 'plugin') return pluginHelp(name, io)
  const command = commands.get(topic)
  if (command === undefined) return unknownCommand(topic, io)
  io.stdout(manualText(command.manual))
  return 0
}

/** Says which command was probably meant. */
export function unknownCommand(name: string, io: Io): ExitCode {
  const isPlugin = new PluginCatalog().builtIns.includes(name)
  const hint = isPlugin ? `it is a plugin: see \`sluice help plugin ${name}\`` : nameHint(name, [...commands.keys()])
  io.stderr(`sluice has no command "${name}"${hint === undefined ? '.' : `; ${hint}`}\n\n${commandList()}`)
  return 2
}

async function overview(): Promise<string> {
  return `Sluice, an API gateway: one YAML file says which routes exist.

${commandList()}
${await pluginList()}
\`sluice help COMMAND\` and \`sluice help plugin NAME\` say more. The documentation begins in README.md.
`
}

function commandList(): string {
  return `Commands:\n${table([...commands.values()].map(({ manual }) => [manual.name, manual.summary]))}`
}

async function pluginList(): Promise<string> {
  const plugins = await new PluginCatalog().builtInSchemas()
  return `Plugins:\n${table(plugins.map(({ name, schema }) => [name, summaryOf(schema)]))}`
}

async function pluginHelp(name: string | undefined, io: Io): Promise<ExitCode> {
  if (name === undefined) {
    io.stdout(await pluginList())
    return 0
  }
  const catalog = new PluginCatalog()
  if (catalog.builtIns.includes(name)) {
    io.stdout(await pluginText(name, catalog))
    return 0
  }
  const hint = nameHint(name, catalog.builtIns)
  const about = hint === undefined ? `\n\n${await pluginList()}` : `; ${hint}\n`
  io.stderr(`there is no built-in plugin "${name}"${about}`)
  return 2
}
