/** The commands by name, and the help over all of them. Each is loaded when it runs: making a key needs no gateway. */
import type { Command } from './command.ts'

const help: Command = {
  synopsis: 'help [COMMAND | plugin NAME]',
  summary: 'Say what there is, how a command is called, or what options a plugin has.',
  run: async (args, io) => (await import('./help.ts')).runHelp(args, io),
}

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    'run',
    {
      synopsis: 'run [--config FILE] [--takeover]',
      summary: 'Serve. SIGHUP or a changed file reloads, SIGTERM drains; --takeover replaces one that runs.',
      run: async (args, io) => (await import('./run.ts')).runRun(args, io),
    },
  ],
  [
    'check',
    {
      synopsis: 'check [--config FILE] [--json] [--strict]',
      summary: 'Find every mistake in the file, and list what is public.',
      run: async (args, io) => (await import('./check.ts')).runCheck(args, io),
    },
  ],
  [
    'explain',
    {
      synopsis: 'explain METHOD URL [--as CONSUMER] [--json] …',
      summary: 'Say what would happen to a request, and why.',
      run: async (args, io) => (await import('./explain.ts')).runExplain(args, io),
    },
  ],
  [
    'routes',
    {
      synopsis: 'routes [--config FILE] [--json]',
      summary: 'List the routes with their chains.',
      run: async (args, io) => (await import('./routes.ts')).runRoutes(args, io),
    },
  ],
  [
    'diff',
    {
      synopsis: 'diff OLD NEW [--fail-on weaker-auth] [--json]',
      summary: 'Say in words what changes between two files.',
      run: async (args, io) => (await import('./diff.ts')).runDiff(args, io),
    },
  ],
  [
    'replay',
    {
      synopsis: 'replay LOG [--config FILE] [--json]',
      summary: 'Say what another file would have done to the requests of an access log.',
      run: async (args, io) => (await import('./replay.ts')).runReplay(args, io),
    },
  ],
  [
    'import',
    {
      synopsis: 'import kong|openapi FILE [--output FILE]',
      summary: 'Make a gateway.yaml of what another program says.',
      run: async (args, io) => (await import('./import.ts')).runImport(args, io),
    },
  ],
  [
    'key',
    {
      synopsis: 'key new NAME | list | revoke ID [--store URL] [--json]',
      summary: 'Make an API key for the file or a store; list and revoke those in a store.',
      run: async (args, io) => (await import('./key.ts')).runKey(args, io),
    },
  ],
  [
    'schema',
    {
      synopsis: 'schema [--output FILE]',
      summary: 'Write the JSON Schema of the file, for editors.',
      run: async (args, io) => (await import('./schema.ts')).runSchema(args, io),
    },
  ],
  ['help', help],
  ['--help', help],
  ['-h', help],
])

/** The help text over all commands. */
export function usage(): string {
  const shown = [...commands].filter(([name]) => !name.startsWith('-'))
  const width = Math.max(...shown.map(([, { synopsis }]) => synopsis.length))
  const lines = shown.map(([, { synopsis, summary }]) => `  sluice ${synopsis.padEnd(width)}  ${summary}`)
  return `Sluice, an API gateway: one YAML file says which routes exist.\n\n${lines.join('\n')}\n\nFILE is gateway.yaml unless said otherwise.\n`
}
