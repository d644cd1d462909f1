import { describe, expect, test } from 'vitest'
import { mayEject, type Outcome, PassiveHealth } from '../../src/upstream/health-passive.ts'

const settings = {
  failures: 3,
  errorRatio: 0.5,
  minRequests: 10,
  windowMs: 1000,
  ejectionMs: 100,
  maxEjectionMs: 250,
  maxEjected: 0.5,
}

const outcomes: Readonly<Record<string, Outcome>> = { a: 'answered', e: 'error-status', n: 'no-answer' }

describe('traffic', () => {
  test.for([
    ['nnn', 1, 'no-answers'],
    ['nnann', 1, null],
    ['nnenn', 1, null],
    ['aaaaannn', 1, 'no-answers'],
    ['eeeeeeeee', 1, null],
    ['eeeeeeeeee', 1, 'error-ratio'],
    ['aaaaaeeeee', 1, 'error-ratio'],
    ['aaaaaaeeee', 1, null],
    // Only nine of them fall into the window.
    ['eeeeeeeeeeee', 120, null],
  ] as const)('%s, one every %d ms, is judged %s at its end', ([said, pause, expected]) => {
    const health = new PassiveHealth(settings)

    const verdicts = [...said].map((letter, i) => health.note(outcomes[letter]!, (i + 1) * pause))

    expect(verdicts.at(-1)).toBe(expected)
    expect(verdicts.slice(0, -1).every((verdict) => verdict === null)).toBe(true)
  })
})

describe('an ejection', () => {
  test('is longer each time, up to the longest, and shorter again after a time in health', () => {
    const health = new PassiveHealth(settings)
    const lengths: number[] = []
    let now = 0
    for (const healthyMs of [0, 10, 10, 10, 250, 10_000]) {
      now += healthyMs
      const ms = health.eject(now)
      lengths.push(ms)
      now += ms
      health.readmit(now)
    }

    expect(lengths).toEqual([100, 200, 250, 250, 250, 100])
  })

  test('forgets what was counted before', () => {
    const health = new PassiveHealth(settings)
    for (const now of [1, 2, 3]) health.note('no-answer', now)

    health.eject(3)
    health.readmit(103)

    expect([health.note('no-answer', 104), health.note('no-answer', 105)]).toEqual([null, null])
  })

  test.for([
    [0.5, 0, 1, false],
    [0.5, 0, 2, true],
    [0.5, 1, 2, false],
    [0.5, 1, 4, true],
    [0.5, 2, 4, false],
    [0.1, 0, 3, true],
    [0.1, 1, 3, false],
    [1, 2, 3, false],
    [1, 1, 3, true],
  ] as const)('with a share of %d, %d of %d ejected: another may be: %s', ([maxEjected, ejected, size, expected]) => {
    expect(mayEject({ ...settings, maxEjected }, ejected, size)).toBe(expected)
  })
})
