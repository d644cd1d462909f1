import { expect, test } from 'vitest'
import type { UpstreamConfig } from '../../src/config/config.ts'
import { TargetStates } from '../../src/upstream/target-states.ts'

const upstream = (name: string, ...urls: string[]) =>
  ({
    name,
    targets: urls.map((url) => ({ url })),
    breaker: name === 'guarded' ? {} : null,
  }) as unknown as UpstreamConfig

const seen = (states: TargetStates) => ({
  upstreams: [...states.upstreams()],
  targets: [...states.all()].map(({ upstream, url, up, draining, hasBreaker }) => [
    upstream,
    url,
    up,
    draining,
    hasBreaker,
  ]),
})

test('shows the targets of what serves, with what was said of them before, and no others', async () => {
  const states = new TargetStates()
  states.set({ upstream: 'a', target: 'http://2', draining: true })
  states.of('refused', 'http://9')
  expect(seen(states)).toEqual({ upstreams: [], targets: [] })

  await states.serve([upstream('a', 'http://1', 'http://2'), upstream('guarded', 'http://3')])
  // Of a config that is compiled, and may never serve.
  states.of('a', 'http://4')

  expect(seen(states)).toEqual({
    upstreams: ['a', 'guarded'],
    targets: [
      ['a', 'http://2', true, true, false],
      ['a', 'http://1', true, false, false],
      ['guarded', 'http://3', true, false, true],
    ],
  })
})

test('forgets what no longer serves, and keeps what does as the same objects', async () => {
  const states = new TargetStates()
  const kept = upstream('kept', 'http://1', 'http://1')
  await states.serve([kept, upstream('gone', 'http://2'), upstream('less', 'http://3', 'http://4')])
  const [first, left] = [states.of('kept', 'http://1'), states.of('less', 'http://3')]
  states.set({ upstream: 'kept', target: 'http://1', up: false, reason: 'status 500' })

  await states.serve([kept, upstream('less', 'http://3')])

  expect(states.of('kept', 'http://1')).toBe(first)
  expect(states.of('less', 'http://3')).toBe(left)
  expect(seen(states).targets).toEqual([
    ['kept', 'http://1', false, false, false],
    ['less', 'http://3', true, false, false],
  ])
})
