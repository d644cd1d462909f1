/** `npm run bench`: Sluice beside nginx and HAProxy on the same work. Exits 1 when a budget is missed or a row is not valid. */
import { writeFile } from 'node:fs/promises'
import { cleanUpOnSignal, temporaryFolder } from './child.ts'
import { leaveGatewayCore } from './cores.ts'
import { measureCase } from './measure.ts'
import { type Options, readOptions, usage } from './options.ts'
import { startOrigin } from './origin.ts'
import { type CaseSummary, summarize } from './summary.ts'
import { describeRun, headingOf, markdownOf } from './table.ts'

async function main(options: Options): Promise<boolean> {
  cleanUpOnSignal()
  leaveGatewayCore()
  const run = await describeRun(options)
  const printed: string[] = []
  const print = (text: string) => {
    printed.push(text)
    process.stdout.write(`${text}\n`)
  }
  print(headingOf(run))

  const summaries: CaseSummary[] = []
  await using folder = await temporaryFolder()
  await using origin = await startOrigin(folder.path)
  for (const benchCase of options.cases) {
    const summary = summarize(benchCase, await measureCase(benchCase, { folder: folder.path, origin, options }))
    summaries.push(summary)
    print(markdownOf(summary))
  }

  if (options.markdown !== undefined) await writeFile(options.markdown, printed.join('\n'))
  if (options.json !== undefined)
    await writeFile(options.json, `${JSON.stringify({ ...run, cases: summaries }, null, 2)}\n`)
  return summaries.every(
    ({ rows, budgets }) =>
      budgets.every(({ met }) => met) &&
      rows.every(({ invalid, absent }) => invalid === undefined || absent !== undefined),
  )
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options === 'help') process.stdout.write(`${usage}\n`)
  else process.exitCode = (await main(options)) ? 0 : 1
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
