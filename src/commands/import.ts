/** `sluice import kong|openapi FILE`: a gateway.yaml from another program's file, and a report of what is missing. */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { reasonOf } from '../config/secrets.ts'
import { nameHint } from '../config/suggest.ts'
import { type Draft, ImportError } from '../import/draft.ts'
import { settle } from '../import/import.ts'
import { importKong } from '../import/kong.ts'
import { importOpenapi } from '../import/openapi.ts'
import { readSource } from '../import/source.ts'
import { type ExitCode, type Io, misuse, readArguments } from './arguments.ts'
import { importManual } from './manual/import.ts'

const formats = new Map([
  ['kong', importKong],
  ['openapi', importOpenapi],
])

/** 0: imported, with whatever the report says; 1: the file cannot be read, or is no such file. */
export async function runImport(args: readonly string[], io: Io): Promise<ExitCode> {
  const read = readArguments(args, importManual, io)
  if (read === null) return 2
  const [format, file] = read.positionals as [string, string]
  const importer = formats.get(format)
  if (importer === undefined) {
    return misuse(`there is no format "${format}"; ${nameHint(format, [...formats.keys()])}`, importManual, io)
  }
  const { output } = read.values
  let path = file
  try {
    const draft = importer(readSource(readFileSync(resolve(io.cwd, file)), file))
    const { text, draft: settled } = await settle(draft, basename(file))
    path = String(output)
    if (typeof output === 'string') writeFileSync(resolve(io.cwd, output), text, { flag: 'wx' })
    else io.stdout(text)
    io.stderr(report(settled))
    return 0
  } catch (error) {
    if (error instanceof ImportError) io.stderr(`${error.message}\n`)
    else if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      io.stderr(`${path} is there already: remove it first\n`)
    else if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    else io.stderr(`cannot open ${path}: ${reasonOf(error)}\n`)
    return 1
  }
}

function report({ routes, upstreams, consumers, notes }: Draft): string {
  const closed = routes.filter((route) => route.closed !== undefined)
  const open = routes.filter((route) => route.closed === undefined && route.public !== undefined)
  const noted = routes.filter((route) => route.notes.length > 0)
  return [
    `imported: ${counted(routes.length, 'route')}, ${counted(Object.keys(upstreams).length, 'upstream')}, ${counted(Object.keys(consumers).length, 'consumer')}\n`,
    open.length === 0 ? '' : `public: ${open.map(({ name }) => name).join(', ')}\n`,
    ...closed.map(({ name, closed: reason }) => `closed (answers 503): ${name}: ${reason}\n`),
    ...notesByText(noted),
    ...notes.map((note) => `${note}\n`),
  ].join('')
}

/** What is said of many routes is said once, with the first of them. */
function notesByText(routes: Draft['routes']): string[] {
  const named = new Map<string, string[]>()
  for (const { name, notes } of routes) {
    for (const note of notes) named.set(note, [...(named.get(note) ?? []), name])
  }
  return [...named].flatMap(([note, names]) => {
    if (names.length <= MOST_NAMED) return names.map((name) => `${name}: ${note}\n`)
    return [`${names.slice(0, MOST_NAMED).join(', ')} and ${names.length - MOST_NAMED} more: ${note}\n`]
  })
}

const MOST_NAMED = 3

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
