/** What the config format has a place for and the gateway cannot do yet: refused by name, never silently ignored. */
import type { ConfigDocument, Path } from './document.ts'
import type { Findings } from './findings.ts'

interface Refusal {
  /** Keys from the root; `*` is any key or list index. */
  readonly path: string
  /** Whether a value is meant; without it any is. */
  readonly when?: (value: unknown) => boolean
  /** As the message names it; else the last key. */
  readonly name?: string
}

const refusals: readonly Refusal[] = [
  {
    path: 'threads',
    when: (value) => value === 'auto' || (Number.isInteger(value) && Number(value) > 1),
    name: 'more than one thread',
  },
]

/** Plugins that are planned. */
export const futurePlugins: ReadonlySet<string> = new Set(['basic-auth', 'compress', 'quota'])

/** Options that are planned, by plugin; with a `value`, that value alone. */
export const futureOptions: readonly { readonly plugin: string; readonly option: string; readonly value?: string }[] = [
  { plugin: 'cache', option: 'staleWhileRevalidate' },
  { plugin: 'cache', option: 'staleIfError' },
]

export function notYet(name: string): string {
  return `${name.includes('`') || name.includes(' ') ? name : `\`${name}\``} is not supported yet`
}

/** Reports what the table names and takes it out of the data. */
export function refuseNotYet(data: unknown, document: ConfigDocument, findings: Findings): void {
  for (const { path, when, name } of refusals) {
    const steps = path.split('.')
    visit(data, { steps, at: [] }, (holder, key, at) => {
      if (when !== undefined && !when(holder[key])) return
      findings.error(
        'not-supported-yet',
        when === undefined ? document.keyPlace(at) : document.place(at),
        notYet(name ?? String(key)),
      )
      if (Array.isArray(holder)) holder[Number(key)] = undefined
      else delete holder[key]
    })
  }
}

type Holder = Record<string | number, unknown>

function visit(
  value: unknown,
  { steps, at }: { steps: readonly string[]; at: Path },
  found: (holder: Holder, key: string | number, at: Path) => void,
): void {
  const [step, ...rest] = steps
  if (step === undefined || typeof value !== 'object' || value === null) return
  const holder = value as Holder
  const names = step === '*' ? Object.keys(holder) : Object.hasOwn(holder, step) ? [step] : []
  for (const name of names) {
    const key = Array.isArray(value) ? Number(name) : name
    if (rest.length === 0) found(holder, key, [...at, key])
    else visit(holder[name], { steps: rest, at: [...at, key] }, found)
  }
}
