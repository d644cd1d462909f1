/** `sluice schema`: the JSON Schema of gateway.yaml with the options of every plugin in the box, for editors. */
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { PluginCatalog } from '../config/plugin-catalog.ts'
import { editorSchema } from '../config/schema/schema.ts'
import { reasonOf } from '../config/secrets.ts'
import { type ExitCode, type Io, readArguments } from './arguments.ts'
import { schemaManual } from './manual/schema.ts'

export async function runSchema(args: readonly string[], io: Io): Promise<ExitCode> {
  const read = readArguments(args, schemaManual, io)
  if (read === null) return 2
  const plugins = await new PluginCatalog().builtInSchemas()
  const text = `${JSON.stringify(editorSchema(plugins), null, 2)}\n`
  const { output } = read.values
  if (typeof output !== 'string') {
    io.stdout(text)
    return 0
  }
  try {
    writeFileSync(resolve(io.cwd, output), text)
  } catch (error) {
    io.stderr(`cannot write ${output}: ${reasonOf(error)}\n`)
    return 1
  }
  io.stdout(
    `${output} is written. Editors find it by a first line in gateway.yaml:\n# yaml-language-server: $schema=${output}\n`,
  )
  return 0
}
