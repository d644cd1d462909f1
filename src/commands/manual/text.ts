/** A manual as text, for a terminal and for the documentation. */
import { type Example, type Manual, type OptionManual, optionText, synopsisOf } from './manual.ts'

const WIDTH = 100

export function manualText(manual: Manual): string {
  const { name, summary, description, options, exits, examples, see } = manual
  return [
    section('Name', [wrapped(`sluice ${name} - ${summary}`, '  ')]),
    section('Synopsis', synopsisOf(manual).map(synopsisText)),
    section('Description', [description.map((paragraph) => wrapped(paragraph, '  ')).join('\n')]),
    section('Options', Object.entries(options).map(describedOption)),
    section('Exit codes', [table(Object.entries(exits))]),
    section('Examples', examples.map(exampleText)),
    section('See also', [wrapped(see.join(', '), '  ')]),
  ]
    .filter((text) => text !== '')
    .join('\n')
}

/** Two columns, indented; the second is folded. */
export function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([first]) => first.length))
  return rows.map(([first, second]) => described(`  ${first.padEnd(width)}  `, second)).join('')
}

/** A term, and what it means on lines of its own. */
export function term(name: string, meaning: string): string {
  return `  ${name}\n${wrapped(meaning, '      ')}`
}

export function section(title: string, parts: readonly string[]): string {
  return parts.length === 0 ? '' : `${title.toUpperCase()}\n${parts.join('')}`
}

/** Folded at blanks; what is longer than a line stays whole. */
export function wrapped(text: string, indent: string): string {
  return described(indent, text, indent)
}

function described(first: string, text: string, rest: string = ' '.repeat(first.length)): string {
  let line = first
  let made = ''
  for (const word of text.split(' ')) {
    const isFull = line.length + word.length > WIDTH && line.trim() !== ''
    if (isFull) {
      made += `${line.trimEnd()}\n`
      line = rest
    }
    line += `${word} `
  }
  return `${made}${line.trimEnd()}\n`
}

/** Folded between options, never within one. */
function synopsisText(synopsis: string): string {
  const [command = '', ...options] = synopsis.replaceAll(/ (?=\[)/g, '\n').split('\n')
  let line = `  ${command}`
  let made = ''
  for (const option of options) {
    if (line.length + option.length >= WIDTH) {
      made += `${line}\n`
      line = '     '
    }
    line += ` ${option}`
  }
  return `${made}${line}\n`
}

function describedOption([name, option]: [string, OptionManual]): string {
  const { short, value = '', default: fallback } = option
  const shown = short === undefined ? optionText(name, option) : `${optionText(name, option)}, --${name} ${value}`
  const isSaid = typeof fallback === 'string' && fallback !== ''
  return term(shown, isSaid ? `${option.text} Default: ${fallback}` : option.text)
}

function exampleText({ does, command, exit }: Example): string {
  return term(does, `$ ${command}${exit === undefined ? '' : `   # exit code ${exit}`}`)
}
