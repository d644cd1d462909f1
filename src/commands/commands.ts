/** The commands by name. Each is loaded when it runs: making a key needs no gateway. */
import type { Command } from './command.ts'
import { checkManual } from './manual/check.ts'
import { diffManual } from './manual/diff.ts'
import { explainManual } from './manual/explain.ts'
import { helpManual } from './manual/help.ts'
import { importManual } from './manual/import.ts'
import { keyManual } from './manual/key.ts'
import { replayManual } from './manual/replay.ts'
import { routesManual } from './manual/routes.ts'
import { runManual } from './manual/run.ts'
import { schemaManual } from './manual/schema.ts'

const list: readonly Command[] = [
  { manual: runManual, run: async (args, io) => (await import('./run.ts')).runRun(args, io) },
  { manual: checkManual, run: async (args, io) => (await import('./check.ts')).runCheck(args, io) },
  { manual: explainManual, run: async (args, io) => (await import('./explain.ts')).runExplain(args, io) },
  { manual: routesManual, run: async (args, io) => (await import('./routes.ts')).runRoutes(args, io) },
  { manual: diffManual, run: async (args, io) => (await import('./diff.ts')).runDiff(args, io) },
  { manual: replayManual, run: async (args, io) => (await import('./replay.ts')).runReplay(args, io) },
  { manual: importManual, run: async (args, io) => (await import('./import.ts')).runImport(args, io) },
  { manual: keyManual, run: async (args, io) => (await import('./key.ts')).runKey(args, io) },
  { manual: schemaManual, run: async (args, io) => (await import('./schema.ts')).runSchema(args, io) },
  { manual: helpManual, run: async (args, io) => (await import('./help.ts')).runHelp(args, io) },
]

export const commands: ReadonlyMap<string, Command> = new Map(list.map((command) => [command.manual.name, command]))
