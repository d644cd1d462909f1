/** Whether a change of an authenticator's or a guard's options lets in who was kept out before. */
import { duration } from '../config/units.ts'
import type { Weakening } from './change.ts'
import { covers } from './ranges.ts'
import type { ValueChange } from './values.ts'

type Rule = (change: ValueChange) => boolean

/** `wider`: of several values one has to hold. A list that is gone asks for nothing. */
const wider: Rule = ({ before, after }) =>
  before !== undefined && (after === undefined || listOf(after).some((value) => !listOf(before).includes(value)))
/** All of the values have to hold. */
const fewer: Rule = ({ before, after }) => listOf(before).some((value) => !listOf(after).includes(value))
/** The same two of address ranges. */
const widerRanges: Rule = ({ before, after }) =>
  before !== undefined && (after === undefined || !covers(listOf(before), listOf(after)))
const fewerRanges: Rule = ({ before, after }) => !covers(listOf(after), listOf(before))
const longer: Rule = ({ before, after }) => millisecondsOf(after) > millisecondsOf(before)
const turnedOn: Rule = ({ after }) => after === true
const turnedOff: Rule = ({ after }) => after === false
const another: Rule = () => true
const given: Rule = ({ before, after }) => before === undefined && after !== undefined

/** By plugin and option; of nested options the first key. */
const rules: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  'api-key': { query: given },
  jwt: {
    // Whoever signs for the new one is let in.
    issuer: another,
    audience: wider,
    algorithms: wider,
    claims: (change) => (change.path.includes('.') ? wider(change) : change.before !== undefined),
    clockTolerance: longer,
    requireExp: turnedOff,
    insecure: turnedOn,
  },
  acl: { groups: wider, consumers: wider, scopes: fewer },
  'ip-filter': { allow: widerRanges, deny: fewerRanges },
  mtls: { ca: wider, allow: wider, subjects: wider, fingerprints: wider },
}

/** Option changes of one item that let more people in. */
export function weakerOption(plugin: string, change: ValueChange): Weakening | undefined {
  const option = change.path.split('.', 1)[0]!
  return rules[plugin]?.[option]?.(change) === true ? 'weaker-auth' : undefined
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value]
}

function millisecondsOf(value: unknown): number {
  return typeof value === 'string' ? duration(value) : 0
}
