/** What the manual says of one command. The same table is what its arguments are read by. */

export interface OptionManual {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  readonly default?: string | boolean | string[]
  /** What stands for its value: `FILE`. */
  readonly value?: string
  readonly text: string
}

export interface Example {
  readonly does: string
  /** As typed into a shell. */
  readonly command: string
  /** What it ends with; 0 unless said. */
  readonly exit?: 1 | 2
}

export interface Manual {
  readonly name: string
  /** One sentence, for lists. */
  readonly summary: string
  /** Paragraphs. */
  readonly description: readonly string[]
  /** What follows the name: `METHOD URL`. */
  readonly words: readonly string[]
  /** Lines after `sluice`, where one command is called in several ways. */
  readonly forms?: readonly string[]
  readonly options: Readonly<Record<string, OptionManual>>
  /** What ends it, by exit code. */
  readonly exits: Readonly<Partial<Record<0 | 1 | 2, string>>>
  readonly examples: readonly Example[]
  /** Pages of the documentation. */
  readonly see: readonly string[]
}

export const notUnderstood = 'The command was not understood: nothing was done.'

export const configOption: OptionManual = {
  type: 'string',
  default: 'gateway.yaml',
  value: 'FILE',
  text: 'The config.',
}

export const jsonOption: OptionManual = { type: 'boolean', default: false, text: 'Print data instead of text.' }

export const noPluginsOption: OptionManual = {
  type: 'boolean',
  default: false,
  text: 'Do not load plugins by path or package, whose code would run: for files of others.',
}

/** Ways to call the command, each from `sluice` on. */
export function synopsisOf({ name, words, forms, options }: Manual): string[] {
  if (forms !== undefined) return forms.map((form) => `sluice ${form}`)
  const parts = Object.entries(options).map(([option, manual]) => {
    const often = manual.multiple === true ? '…' : ''
    return `[${optionText(option, manual)}]${often}`
  })
  return [['sluice', name, ...words, ...parts].join(' ')]
}

/** `--config FILE`; `-H HEADER` where there is a short form. */
export function optionText(option: string, { short, value }: OptionManual): string {
  const flag = short === undefined ? `--${option}` : `-${short}`
  return value === undefined ? flag : `${flag} ${value}`
}
