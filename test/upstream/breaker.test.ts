import { describe, expect, test } from 'vitest'
import { Breaker, type BreakerState } from '../../src/upstream/breaker.ts'

const settings = { failures: 3, errorRatio: 0.5, windowMs: 1000, openMs: 5000 }

function breaker() {
  const turns: BreakerState[] = []
  const one = new Breaker(settings, (state) => turns.push(state))
  const attempt = (outcome: 'succeeded' | 'failed', now: number) => one[outcome](one.begin(), now)
  return { one, turns, attempt }
}

describe('a circuit breaker', () => {
  // F fails, s succeeds; the numbers are milliseconds between attempts.
  test.for([
    ['FFF', 10, 'open'],
    ['FF', 10, 'closed'],
    ['FFsFF', 10, 'open'],
    ['FssssFssssFssss', 10, 'closed'],
    ['FsFsF', 10, 'open'],
    ['FFF', 600, 'closed'],
    ['sssssssssssssFFF', 10, 'open'],
    ['ssssssssssssssss', 10, 'closed'],
  ] as const)('after %s, one every %d ms, is %s', ([outcomes, pause, expected]) => {
    const { one, attempt } = breaker()
    let now = 0

    for (const outcome of outcomes) {
      now += pause
      attempt(outcome === 'F' ? 'failed' : 'succeeded', now)
    }

    expect(one.state(now)).toBe(expected)
  })

  test('admits nothing while open, then one trial, and closes when that succeeds', () => {
    const { one, turns, attempt } = breaker()
    for (let i = 0; i < 3; i++) attempt('failed', 100)

    expect([one.admits(101), one.waitMs(101), one.admits(5099)]).toEqual([false, 4999, false])
    expect([one.admits(5100), one.state(5100), one.waitMs(5100)]).toEqual([true, 'half-open', 0])

    const trial = one.begin()
    expect(one.admits(5101)).toBe(false)
    one.succeeded(trial, 5200)

    expect([one.admits(5201), one.state(5201)]).toEqual([true, 'closed'])
    expect(turns).toEqual(['open', 'half-open', 'closed'])
  })

  test('opens and closes as it hears, and says which changes were its own', () => {
    const turns: [BreakerState, boolean][] = []
    const one = new Breaker(settings, (state, isOwn) => turns.push([state, isOwn]))

    one.heard('half-open', 0)
    expect(one.state(0)).toBe('closed')
    one.heard('open', 0)
    expect([one.admits(4999), one.admits(5000)]).toEqual([false, true])
    // Another tries it now; should nobody say how that went, this one does in its turn.
    one.heard('half-open', 5000)
    expect([one.admits(9999), one.admits(10_000)]).toEqual([false, true])
    one.succeeded(one.begin(), 10_001)
    one.heard('closed', 10_002)
    expect(turns).toEqual([
      ['open', false],
      ['open', false],
      ['half-open', true],
      ['closed', true],
    ])
  })

  test('lets an answer of before what it heard say nothing', () => {
    const { one } = breaker()
    const before = one.begin()

    one.heard('open', 0)
    one.succeeded(before, 1)

    expect(one.state(2)).toBe('open')
  })

  test('opens again when the trial fails, for as long again', () => {
    const { one, turns, attempt } = breaker()
    for (let i = 0; i < 3; i++) attempt('failed', 0)

    attempt('failed', 6000)

    expect([one.state(6001), one.waitMs(6001)]).toEqual(['open', 4999])
    expect(turns).toEqual(['open', 'half-open', 'open'])
  })

  test('lets another request try when the trial was cancelled', () => {
    const { one, attempt } = breaker()
    for (let i = 0; i < 3; i++) attempt('failed', 0)

    one.cancelled(one.begin())

    expect(one.admits(6000)).toBe(true)
  })

  test('hears nothing of attempts that began before its last change', () => {
    const { one, attempt } = breaker()
    const slow = one.begin()
    for (let i = 0; i < 3; i++) attempt('failed', 0)
    const trial = one.begin()

    one.succeeded(slow, 6000)
    one.cancelled(slow)

    expect([one.state(6000), one.admits(6000)]).toEqual(['half-open', false])
    one.succeeded(trial, 6001)
    one.failed(slow, 6002)
    expect(one.state(6002)).toBe('closed')
  })

  test('starts from nothing after it closed', () => {
    const { one, attempt } = breaker()
    for (let i = 0; i < 3; i++) attempt('failed', 0)
    attempt('succeeded', 5500)

    attempt('failed', 5501)
    attempt('failed', 5502)

    expect(one.state(5503)).toBe('closed')
  })
})
