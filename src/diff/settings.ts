/** What changed outside of routes: listeners, upstreams, consumers, and the settings of the gateway itself. */
import type { Config, ConsumerConfig, ConsumerKey, TestConfig } from '../config/config.ts'
import type { Change, Detail, Weakening } from './change.ts'
import { covers } from './ranges.ts'
import { changeText, same, shown, type ValueChange, valueChanges } from './values.ts'

export function settingChanges(before: Config, after: Config): Change[] {
  return [
    ...namedChanges('listener', before.listeners, after.listeners),
    ...namedChanges('upstream', before.upstreams, after.upstreams),
    ...consumerChanges(before.consumers, after.consumers),
    ...sectionChanges(before, after),
  ]
}

interface Named {
  readonly name: string
}

function namedChanges(what: string, before: readonly Named[], after: readonly Named[]): Change[] {
  const names = new Set([...before, ...after].map(({ name }) => name))
  return [...names].flatMap((name): Change[] => {
    const one = before.find((candidate) => candidate.name === name)
    const other = after.find((candidate) => candidate.name === name)
    if (one === undefined) return [{ kind: 'added', what, name, details: [{ text: summaryOf(other!) }] }]
    if (other === undefined) return [{ kind: 'removed', what, name, details: [] }]
    const details = valueChanges(one, other).map(detailOf)
    return details.length === 0 ? [] : [{ kind: 'changed', what, name, details }]
  })
}

/** `targets: http://10.0.0.1:3000`, `http 0.0.0.0:8080`. */
function summaryOf(added: Named): string {
  const { targets, protocol, host, port } = added as unknown as Readonly<Record<string, unknown>>
  if (Array.isArray(targets)) return `targets: ${targets.map(targetText).join(', ')}`
  return `${shown('', protocol)} ${shown('', host)}:${shown('', port)}`
}

function targetText(target: { readonly url: string; readonly weight?: number }): string {
  return target.weight === undefined || target.weight === 1 ? target.url : `${target.url} (weight ${target.weight})`
}

function detailOf(change: ValueChange): Detail {
  const text = changeText(change, showSetting)
  const weakens = weakenedBy(change)
  return weakens === undefined ? { text } : { text, weakens }
}

function showSetting(path: string, value: unknown): string {
  if (path === 'tests') return (value as TestConfig).name
  if (path.endsWith('targets')) return targetText(value as Parameters<typeof targetText>[0])
  return secretSettings.test(path) ? '(secret)' : shown(path, value)
}

const secretSettings = /(^|\.)(token|key|password|store|redis|ca|clientCa|cert|certificate)$/

/** What settings weaken when they go or grow. */
function weakenedBy({ path, before, after }: ValueChange): Weakening | undefined {
  // Whoever signs for another authority is let in.
  if (/(^|\.)clientCa/.test(path) && before !== undefined) return 'weaker-auth'
  if (path === 'admin.token' && after === undefined) return 'weaker-auth'
  if (path === 'admin.metricsOpen' && after === true) return 'weaker-auth'
  // Whoever is believed may say that he is anybody's address.
  if (path === 'trustedProxies.from' && !covers(listed(before), listed(after))) return 'weaker-auth'
  if (path === 'tls.verify' && after === false) return 'weaker-auth'
  const grows = typeof before === 'number' && typeof after === 'number' && after > before
  return path.startsWith('limits.') && grows ? 'weaker-limits' : undefined
}

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function sectionChanges(before: Config, after: Config): Change[] {
  const details = valueChanges(sectionsOf(before), sectionsOf(after)).map(detailOf)
  return details.length === 0 ? [] : [{ kind: 'changed', what: 'settings', name: 'gateway', details }]
}

/** Everything that is not compared in a way of its own. */
function sectionsOf(config: Config): object {
  const { file: _, hash: __, listeners: ___, upstreams: ____, consumers: _____, plugins: ______, ...rest } = config
  const { routes: _______, routeLines: ________, items: _________, outline: __________, tests, ...sections } = rest
  // Where a test stands is no part of what it says.
  return { ...sections, tests: tests.map(({ at: _, path: __, ...test }) => test) }
}

function consumerChanges(before: readonly ConsumerConfig[], after: readonly ConsumerConfig[]): Change[] {
  const names = new Set([...before, ...after].map(({ name }) => name))
  return [...names].flatMap((name): Change[] => {
    const one = before.find((consumer) => consumer.name === name)
    const other = after.find((consumer) => consumer.name === name)
    if (one === undefined) return [{ kind: 'added', what: 'consumer', name, details: [{ text: consumerText(other!) }] }]
    if (other === undefined) return [{ kind: 'removed', what: 'consumer', name, details: [] }]
    const details = consumerDetails(one, other)
    return details.length === 0 ? [] : [{ kind: 'changed', what: 'consumer', name, details }]
  })
}

function consumerText({ groups, keys, jwt }: ConsumerConfig): string {
  const proofs = [
    ...keys.map((key) => `key ${keyText(key)}`),
    ...(jwt === undefined ? [] : [`tokens of ${jwt.issuer}`]),
  ]
  return `groups: ${groups.join(', ') || 'none'}; signs in by ${proofs.join(', ') || 'nothing'}`
}

function consumerDetails(before: ConsumerConfig, after: ConsumerConfig): Detail[] {
  const { keys, ...rest } = before
  const { keys: newKeys, ...other } = after
  const gone = keys.filter(({ hash }) => !newKeys.some((key) => key.hash === hash))
  const come = newKeys.filter(({ hash }) => !keys.some((key) => key.hash === hash))
  return [
    ...valueChanges(rest, other).map((change) => proofChange(change)),
    // As many as went: keys are changed so, one after the other.
    ...come.map((key, i) => weakening(`key ${keyText(key)} is new`, i >= gone.length)),
    ...gone.map((key) => ({ text: `key ${keyText(key)} is gone` })),
    ...keys.flatMap((key) => lifeChange(key, newKeys)),
  ]
}

/** Groups, tokens and certificates: what is new lets in, or further in. */
function proofChange(change: ValueChange): Detail {
  const { before, after } = change
  const more = Array.isArray(after)
    ? after.some((one) => !listed(before).some((other) => same(one, other)))
    : after !== undefined
  return weakening(changeText(change, showSetting), more)
}

function weakening(text: string, weakens: boolean): Detail {
  return weakens ? { text, weakens: 'weaker-auth' } : { text }
}

function lifeChange(before: ConsumerKey, keys: readonly ConsumerKey[]): Detail[] {
  const after = keys.find(({ hash }) => hash === before.hash)
  if (after === undefined || after.expires === before.expires) return []
  const text = `key ${keyText(after)} ${after.expires === undefined ? 'no longer expires' : `expires ${dateText(after.expires)}`}`
  const longer = (after.expires ?? Number.POSITIVE_INFINITY) > (before.expires ?? Number.POSITIVE_INFINITY)
  return [weakening(text, longer)]
}

function keyText({ id, hash }: ConsumerKey): string {
  return id ?? `sha256:${hash.slice(0, 8)}…`
}

function dateText(time: number): string {
  return new Date(time).toISOString()
}
