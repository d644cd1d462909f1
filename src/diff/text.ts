/** A diff as text: one line for each change, its details below, what is weakened marked with `!`. */
import { type Change, weakenings } from './change.ts'
import type { Diff } from './diff.ts'
import type { Carried } from './reload.ts'
import { count } from './words.ts'

const signs = { added: '+', removed: '-', renamed: '~', changed: '~' } as const

export function diffText({ changes, weakened, reload }: Diff): string {
  if (changes.length === 0) return 'No difference in what the two configs mean.\n'
  const kinds = weakenings.filter((kind) => weakened[kind] > 0)
  const summary = kinds.map((kind) => `${kind} (${weakened[kind]})`).join(', ')
  return [
    ...changes.map(changeText),
    `\n${count(changes.length, 'change')}${summary === '' ? '' : `; weakened: ${summary}`}.\n`,
    reloadText('Connections', reload.connections),
    reloadText('Limit counts', reload.counters),
    reloadText('Caches', reload.caches),
  ].join('')
}

function changeText({ kind, what, name, from, routes, details }: Change): string {
  const subject = kind === 'renamed' ? `${from} is now called ${name}` : name
  const on = routes === undefined ? '' : `  on ${routesText(routes)}`
  const head = `${signs[kind]} ${what} ${subject}${kind === 'changed' || kind === 'renamed' ? '' : ` ${kind}`}${on}\n`
  const lines = details.map(({ text, weakens }) =>
    weakens === undefined ? `    ${text}\n` : `  ! ${text}  [${weakens}]\n`,
  )
  return head + lines.join('')
}

const MOST_NAMED = 8

function routesText(routes: readonly string[]): string {
  const named = routes.slice(0, MOST_NAMED).join(', ')
  return routes.length > MOST_NAMED ? `${named} and ${routes.length - MOST_NAMED} more` : named
}

/** Nothing where a reload loses nothing and begins nothing. */
function reloadText(what: string, { carried, dropped, fresh }: Carried): string {
  if (dropped.length === 0 && fresh.length === 0) return ''
  const lines = [
    ...(dropped.length === 0 ? [] : [`  dropped  ${dropped.join('; ')}\n`]),
    ...(fresh.length === 0 ? [] : [`  new      ${fresh.join('; ')}\n`]),
    ...(carried.length === 0 ? [] : [`  kept     ${carried.join('; ')}\n`]),
  ]
  return `${what} at a reload:\n${lines.join('')}`
}
