/** What a replay found, as text: only what would change, then what a replay cannot know. */
import { kinds } from './difference.ts'
import type { ReplayResult } from './replay.ts'
import type { Group } from './tally.ts'

export function replayText(result: ReplayResult): string {
  const { requests, changed, from, to, groups, undecided, sideUnknown, foreign } = result
  if (from === null) return 'The log holds no requests.\n'
  const share = changed === 0 ? 'all of them end as they did' : `${number(changed)} would end otherwise`
  const notes = [
    foreignText(foreign),
    sideUnknown === 0
      ? ''
      : `${requestsOf(sideUnknown)} may take any side of a split: what decides about them (chance, a cookie, a header) is not in the log.\n`,
    undecided === 0 ? '' : `${requestsOf(undecided)} ended for reasons that no file decides, and were only counted.\n`,
  ]
  return [
    `${requestsOf(requests)} from ${from} to ${to}: ${share}.\n`,
    ...groups.map(groupText),
    ...notes,
    limits,
  ].join('')
}

/** Said every time: what is not in a log is easily forgotten. */
const limits = `
Not in the log, and so not looked at: bodies (their length is), headers that nothing in the old file reads, credentials. Who was
signed in counts as signed in wherever the new file still knows them; who was refused for bad credentials, as having bad ones;
everybody else, as having none.
`

const MOST_LISTED = 6

function groupText({ kind, count, by, examples }: Group): string {
  const listed = by
    .slice(0, MOST_LISTED)
    .map(({ change, count: part }) => `    ${number(part).padStart(9)}  ${change}\n`)
  const more = by.length > MOST_LISTED ? `               and ${by.length - MOST_LISTED} more\n` : ''
  const shown = examples.map(({ line, request }) => `    line ${line}  ${request}\n`)
  return `\n${kinds[kind]}: ${number(count)}\n${listed.join('')}${more}${shown.join('')}`
}

function foreignText({ count, lines }: ReplayResult['foreign']): string {
  if (count === 0) return ''
  const which = lines.length < count ? `${lines.join(', ')}, …` : lines.join(', ')
  const [are, named] = count === 1 ? ['is', 'line'] : ['are', 'lines']
  return `\n${number(count)} of the lines ${are} no record of the access log (${named} ${which}).\n`
}

function requestsOf(count: number): string {
  return `${number(count)} request${count === 1 ? '' : 's'}`
}

function number(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}
