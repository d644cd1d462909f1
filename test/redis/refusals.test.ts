/** A store that answers, and refuses: what it says of scripts, of its keys, and of itself. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { scriptedRedis } from '../support/scripted-redis.ts'
import { ask, type Node, openNode } from './node.ts'

const LIMIT = { counter: 'c', windowMs: 60_000, max: 5, algorithm: 'fixed' } as const

/** It is there, as everybody is told who asks; a hit gets what `hit` says. */
async function storeThat(
  hit: () => string | null,
  timeoutMs = 5000,
): Promise<AsyncDisposable & { readonly node: Node }> {
  const server = await scriptedRedis((name, ...words) => {
    if (!name.startsWith('eval')) return '+OK\r\n'
    if (words[2]!.endsWith('nodes')) return ':1\r\n'
    return words[2]!.includes('limit:') ? hit() : '*3\r\n$0\r\n\r\n*0\r\n:0\r\n'
  })
  const node = await openNode({ port: server.port, prefix: 'p:', timeoutMs, probeEveryMs: 20 })
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
  await using there = await storeThat(() => '-NOSCRIPT No matching script. Please use EVAL.\r\n', 50)
  const { store, log } = there.node

  await expect(ask(store.counters, LIMIT)).rejects.toThrow('timeout')

  expect(log[1]).toMatchObject({ message: 'the store does not answer', reason: 'timeout' })
})

test.for([
  ['refuses what it is asked, is asked ever more rarely', '-MOVED 3999 10.0.0.1:6379\r\n', { least: 2, most: 6 }],
  ['breaks off, is looked at as often as ever', null, { least: 7, most: 16 }],
] as const)('one that is well whenever it is looked at, and %s', async ([, answer, { least, most }]) => {
  let asked = 0
  await using there = await storeThat(() => {
    asked++
    return answer
  })
  const { store, log } = there.node

  const until = performance.now() + 300
  while (performance.now() < until) {
    await ask(store.counters, LIMIT).catch(() => {})
    await sleep(1)
  }

  // Looked at every 20 ms it is found well 15 times.
  expect(asked).toBeGreaterThanOrEqual(least)
  expect(asked).toBeLessThanOrEqual(most)
  expect(log.filter(({ message }) => message === 'the store does not answer')).toHaveLength(asked)
})
