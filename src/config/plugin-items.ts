/** A written plugin item, checked against what the plugin says about itself: options, `mode`, `optional`. */
import type { Need, Traits } from '../plugin.ts'
import { isRecord, type WrittenItem } from './chain-item.ts'
import type { PluginItem } from './config.ts'
import { checkConsumerNames } from './consumers.ts'
import { pathText } from './document.ts'
import type { FindingText } from './findings.ts'
import { futureOptions, notYet } from './not-yet.ts'
import type { CatalogEntry } from './plugin-catalog.ts'
import type { Reading } from './reading.ts'
import { hideSecrets } from './secret-options.ts'
import { didYouMean } from './suggest.ts'
import { validate } from './validate.ts'

/** An item with all that the rules ask about its plugin. */
export interface CheckedItem {
  readonly item: PluginItem
  readonly traits: Traits
  /** Not imported: whether it authenticates is not known. */
  readonly skipped: boolean
  readonly needs: readonly Need[]
}

const noTraits: Traits = {}

/** Reports what is wrong with the item, and gives it as far as it can be used. */
export function checkItem(
  reading: Reading,
  written: WrittenItem,
  about: { entry: CatalogEntry; id: string },
): CheckedItem {
  const { entry, id } = about
  const { plugin } = entry
  const traits = plugin.kind === 'native' ? plugin.module.traits : noTraits
  const own = plugin.module.schema as { readonly properties?: object } | undefined
  const options = optionsOf(reading, written)
  const taking = {
    written,
    options,
    traits,
    own: own === undefined ? undefined : (own.properties ?? {}),
    skipped: entry.skipped,
  }
  const mode = takeMode(reading, taking)
  const optional = takeOptional(reading, taking)
  hideSecrets(reading.document, entry.validator, written.optionsPath)
  refuseFutureOptions(reading, written, options)
  const { document, findings } = reading
  const valid =
    entry.validator === null ||
    validate(entry.validator, { document, findings, data: options, path: written.optionsPath })
  checkConsumerNames(reading, written.name, { options, path: written.optionsPath })
  const { at } = document.keyPlace(written.options === undefined ? written.path : written.optionsPath)
  const item: PluginItem = {
    kind: 'plugin',
    plugin: plugin.ref,
    options,
    mode,
    optional,
    id,
    at,
    belowAuthenticator: false,
  }
  const needs = valid ? needsOf(traits, options) : []
  if (needs === null) {
    findings.error('plugin-invalid', { path: pathText(written.path), at }, `${written.name} cannot say what it needs`)
  }
  return { item, traits, skipped: entry.skipped, needs: needs ?? [] }
}

/** Optional authenticators let anonymous requests pass; observing ones let everybody. */
export function authenticates({ item, traits }: CheckedItem): boolean {
  return traits.authenticates === true && item.mode === 'enforce'
}

/** A plugin's own function is asked about valid options only. Null: it failed, or did not answer with a list. */
function needsOf(traits: Traits, options: Record<string, unknown>): readonly Need[] | null {
  const { needs = [] } = traits
  if (typeof needs !== 'function') return needs
  try {
    const answer: unknown = needs(options)
    return Array.isArray(answer) ? answer : null
  } catch {
    // What it threw is about its own code: the operator is told which plugin it is.
    return null
  }
}

/** A copy of the options, which may be shared through an alias. */
function optionsOf(reading: Reading, { options, optionsPath, name }: WrittenItem): Record<string, unknown> {
  if (options === undefined || options === null) return {}
  if (isRecord(options)) return copy(options)
  const message = `expected the options of ${name} as a map, found ${reading.document.shown(optionsPath)}`
  reading.findings.error('wrong-type', reading.document.place(optionsPath), message)
  return {}
}

/** Options are what YAML can say: structuredClone does the same at ten times the cost. */
function copy<Value>(value: Value): Value
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy)
  if (!isRecord(value)) return value
  const made: Record<string, unknown> = {}
  for (const key of Object.keys(value)) made[key] = copy(value[key])
  return made
}

interface Taking {
  readonly written: WrittenItem
  readonly options: Record<string, unknown>
  readonly traits: Traits
  /** The plugin's own options: it may have one of that name for itself. Undefined: it does not say. */
  readonly own: object | undefined
  readonly skipped: boolean
}

function takeMode(reading: Reading, { written, options, traits, own, skipped }: Taking): PluginItem['mode'] {
  const { mode } = options
  if (mode === undefined || (own !== undefined && Object.hasOwn(own, 'mode'))) return 'enforce'
  // A Fastify plugin of others may have a mode of its own; that it could be observed would be a mistake of the operator's.
  if (own === undefined && (mode !== 'observe' || skipped)) return 'enforce'
  delete options['mode']
  const path = [...written.optionsPath, 'mode']
  const { document, findings } = reading
  if (mode !== 'enforce' && mode !== 'observe') {
    const message = `expected enforce or observe, found ${document.shown(path)}`
    const suggestion = typeof mode === 'string' ? didYouMean(mode, ['enforce', 'observe']) : undefined
    findings.error('wrong-value', document.place(path), { message, suggestion })
    return 'enforce'
  }
  if (mode === 'observe' && traits.refuses !== true) {
    const why =
      own === undefined ? 'does not say that it refuses' : 'never refuses a request: there is nothing to observe'
    findings.error('not-observable', document.place(path), `${written.name} ${why}`)
    return 'enforce'
  }
  return mode
}

function takeOptional(reading: Reading, { written, options, traits, own }: Taking): boolean {
  const { optional } = options
  if (optional === undefined || (own !== undefined && Object.hasOwn(own, 'optional'))) return false
  if (own === undefined) return false
  delete options['optional']
  const path = [...written.optionsPath, 'optional']
  const { document, findings } = reading
  if (typeof optional !== 'boolean') {
    findings.error('wrong-type', document.place(path), `expected true or false, found ${document.shown(path)}`)
    return false
  }
  if (optional && traits.optional !== true) {
    const text: FindingText = {
      message: `${written.name} asks nobody for credentials: there is nothing to be optional`,
    }
    findings.error('not-optional', document.place(path), text)
    return false
  }
  return optional
}

function refuseFutureOptions(reading: Reading, written: WrittenItem, options: Record<string, unknown>): void {
  for (const { plugin, option, value } of futureOptions) {
    if (written.name !== plugin || !Object.hasOwn(options, option)) continue
    if (value !== undefined && options[option] !== value) continue
    const at = [...written.optionsPath, option]
    const place = value === undefined ? reading.document.keyPlace(at) : reading.document.place(at)
    reading.findings.error('not-supported-yet', place, notYet(value === undefined ? option : `\`${option}: ${value}\``))
    delete options[option]
  }
}
