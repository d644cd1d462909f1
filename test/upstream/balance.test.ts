/** The policies as functions of their candidates. */
import { expect, test } from 'vitest'
import { cookieOf, hashOf } from '../../src/upstream/affinity.ts'
import { betterOfTwo, byHash, type Candidate, inTurn, leastLoaded } from '../../src/upstream/balance.ts'

interface Named extends Candidate {
  readonly name: string
  load: number
}

/** `a5` is a target called a with weight 5. */
function candidates(...texts: string[]): Named[] {
  return texts.map((text) => {
    const [name, weight = '1'] = [text[0]!, text.slice(1) || '1']
    return { name, weight: Number(weight), load: 0, seed: hashOf(`http://${name}.internal`), owed: 0 }
  })
}

function sequence(times: number, next: () => Named): string {
  return Array.from({ length: times }, () => next().name).join('')
}

function shares(names: string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

const noExchange = null as never

test.for([
  [['a', 'b', 'c'], 'abcabcabc'],
  [['a5', 'b1', 'c1'], 'aabacaa'],
  [['a1', 'b2'], 'babbab'],
  [['a'], 'aaa'],
] as const)('round-robin over %s goes %s', ([texts, expected]) => {
  const all = candidates(...texts)

  expect(sequence(expected.length, () => inTurn(all))).toBe(expected)
})

test('round-robin keeps its shares when a target leaves for a while', () => {
  const all = candidates('a2', 'b1', 'c1')
  sequence(7, () => inTurn(all))
  sequence(30, () => inTurn(all.filter(({ name }) => name !== 'c')))

  expect(shares(sequence(400, () => inTurn(all)))).toEqual({ a: 200, b: 100, c: 100 })
})

test('least-connections takes the one with the least for its weight', () => {
  const all = candidates('a1', 'b4')
  const balance = leastLoaded()
  const take = () => {
    const next = balance(all, noExchange)
    next.load++
    return next
  }

  expect(shares(sequence(50, take))).toEqual({ a: 10, b: 40 })
})

test('least-connections lets equally loaded targets take turns', () => {
  const all = candidates('a', 'b', 'c')
  const balance = leastLoaded()

  expect(shares(sequence(30, () => balance(all, noExchange)))).toEqual({ a: 10, b: 10, c: 10 })
})

test('least-connections never takes a busier one while a free one is left', () => {
  const all = candidates('a', 'b', 'c')
  all[0]!.load = 3
  all[2]!.load = 1
  const balance = leastLoaded()

  expect(sequence(5, () => balance(all, noExchange))).toBe('bbbbb')
})

test.for([
  // Drawn points of the first and of the second target, then which is taken.
  [[0, 0], { a: 5, b: 0, c: 0 }, 'b'],
  [[0, 0.9], { a: 5, b: 0, c: 9 }, 'a'],
  [[0.9, 0.9], { a: 0, b: 1, c: 2 }, 'b'],
] as const)('random draws %s, and of loads %o takes %s', ([points, loads, expected]) => {
  const all = candidates('a', 'b', 'c')
  for (const candidate of all) candidate.load = loads[candidate.name as keyof typeof loads]
  const left = [...points]

  expect(betterOfTwo(() => left.shift()!)(all, noExchange).name).toBe(expected)
})

test('random gives idle targets their weights, and a single one everything', () => {
  let seed = 1
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const balance = betterOfTwo(random)
  const all = candidates('a', 'b', 'c')

  const counts = shares(sequence(9000, () => balance(all, noExchange)))
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(2700)
  expect(sequence(3, () => balance(candidates('a'), noExchange))).toBe('aaa')
})

const keys = Array.from({ length: 20_000 }, (_, index) => hashOf(`user-${index}`))

function owners(all: readonly Named[]): string[] {
  return keys.map((key) => byHash(all, key).name)
}

test('hash gives each target its weight of the keys', () => {
  const counts = shares(owners(candidates('a1', 'b2', 'c5')).join(''))

  expect(counts['a']! / keys.length).toBeCloseTo(1 / 8, 1.7)
  expect(counts['b']! / keys.length).toBeCloseTo(2 / 8, 1.7)
  expect(counts['c']! / keys.length).toBeCloseTo(5 / 8, 1.7)
})

test('hash moves only the keys of a target that leaves, and spreads them', () => {
  const all = candidates('a', 'b', 'c', 'd', 'e')
  const before = owners(all)
  const after = owners(all.filter(({ name }) => name !== 'c'))
  const moved = before.flatMap((name, index) => (name === after[index] ? [] : [[name, after[index]!]]))

  expect(new Set(moved.map(([from]) => from))).toEqual(new Set(['c']))
  expect(moved.length).toBe(before.filter((name) => name === 'c').length)
  for (const count of Object.values(shares(moved.map(([, to]) => to).join('')))) {
    expect(count / moved.length).toBeCloseTo(1 / 4, 1.3)
  }
})

test('hash moves keys only to a target that joins or grows', () => {
  const before = owners(candidates('a', 'b', 'c'))

  for (const changed of [candidates('a', 'b', 'c', 'd'), candidates('a', 'b', 'c2')]) {
    const grown = changed.at(-1)!.name
    const after = owners(changed)
    const moved = after.filter((name, index) => name !== before[index])
    expect(new Set(moved)).toEqual(new Set([grown]))
    expect(moved.length / keys.length).toBeLessThan(0.27)
  }
})

test('hash does not depend on the order of the list', () => {
  expect(owners(candidates('c', 'a', 'b'))).toEqual(owners(candidates('a', 'b', 'c')))
})

test.for([
  [['a=1; session=x; b=2'], 'x'],
  [['session=x'], 'x'],
  [['a=1', ' session = x '], 'x'],
  [['session=x=y'], 'x=y'],
  [['xsession=1; session2=2; =session; session'], undefined],
  [['Session=x'], undefined],
  [[], undefined],
] as const)('the cookie session of %j is %s', ([lines, expected]) => {
  expect(cookieOf(lines, 'session')).toBe(expected)
})
