/** A store that answers, and refuses: what it says of scripts, of its keys, and of itself. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { scriptedRedis } from '../support/scripted-redis.ts'
import { ask, type Node, openNode } from './node.ts'

const LIMIT = { counter: 'c', windowMs: 60_000, max: 5, algorithm: 'fixed' } as const

/** It is there, as everybody is told who asks; a hit gets what `hit` says. */
async function storeThat(
  hit: () => string | null,
  { timeoutMs = 5000, probeEveryMs = 20 } = {},
): Promise<AsyncDisposable & { readonly node: Node }> {
  const server = await scriptedRedis((name, ...words) => {
    if (!name.startsWith('eval')) return '+OK\r\n'
    if (words[2]!.endsWith('nodes')) return ':1\r\n'
    return words[2]!.includes('limit:') ? hit() : '*3\r\n$0\r\n\r\n*0\r\n:0\r\n'
  })
  const node = await openNode({ port: server.port, prefix: 'p:', timeoutMs, probeEveryMs })
  return {
    node,
    async [Symbol.asyncDispose]() {
      node.store.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

test('a script that was forgotten is sent again, until it is run', async () => {
  const answers = [1, 2, 3, 4].map(() => '-NOSCRIPT No matching script. Please use EVAL.\r\n')
  await using there = await storeThat(() => answers.pop() ?? '*2\r\n:3\r\n:1000\r\n')
  const { store, log } = there.node

  expect(await ask(store.counters, LIMIT)).toEqual({ current: 3, ttl: 1000 })

  expect(answers).toEqual([])
  expect(log.map(({ message }) => message)).toEqual(['the store answers'])
})

test('one that never knows the script is an outage, once its time is over', async () => {
  await using there = await storeThat(() => '-NOSCRIPT No matching script. Please use EVAL.\r\n', { timeoutMs: 500 })
  const { store, log } = there.node

  await expect(ask(store.counters, LIMIT)).rejects.toThrow('timeout')

  expect(log[1]).toMatchObject({ message: 'the store does not answer', reason: 'timeout' })
})

const EVERY_MS = 100

/** `shows`: whether that can be told from the times between two looks, in turns of the probe. A busy machine is late with some. */
test.for<[string, string | null, (gaps: readonly number[]) => boolean]>([
  [
    'refuses what it is asked, is asked ever more rarely',
    '-MOVED 3999 10.0.0.1:6379\r\n',
    (gaps) => gaps.filter((turns) => turns > 1.9).length >= 3 && gaps.some((turns) => turns > 7.9),
  ],
  // Else it would be found well after one, two, four and eight.
  ['breaks off, is looked at as often as ever', null, (gaps) => gaps.filter((turns) => turns < 3).length >= 8],
])('one that is well whenever it is looked at, and %s', async ([, answer, shows]) => {
  const asked: number[] = []
  const hit = () => {
    asked.push(performance.now())
    return answer
  }
  await using there = await storeThat(hit, { probeEveryMs: EVERY_MS })
  const { store, log } = there.node

  while (!shows(asked.slice(1).map((at, i) => (at - asked[i]!) / EVERY_MS))) {
    await ask(store.counters, LIMIT).catch(() => {})
    await sleep(1)
  }

  expect(log.filter(({ message }) => message === 'the store does not answer')).toHaveLength(asked.length)
})
