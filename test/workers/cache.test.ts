/** What one thread keeps or forgets, all of them do. */
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { startOrigin } from '../support/origin.ts'
import { startTwo, status } from './setup.ts'

interface Answer {
  readonly status: number
  readonly hit: boolean
  readonly body: string
}

/** On a connection of its own, so that any thread may get it. */
function ask(url: string, method = 'GET', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, method, headers }, async (response) => {
      const hit = String(response.headers['cache-status']).includes('; hit')
      const body = Buffer.concat(await response.toArray()).toString()
      resolve({ status: response.statusCode!, hit, body })
    })
    sent.on('error', reject).end()
  })
}

test('what one thread has kept is a hit in the other, until either forgets it', async () => {
  let answers = 0
  await using origin = await startOrigin((_, response) => response.end(`answer ${++answers}`))
  await using gateway = await startTwo(
    `routes:\n  a: { match: /*, upstream: "${origin.url}", public: test, plugins: [cache: { ttl: 1h }] }\n`,
  )
  const url = `${gateway.url}/a`
  const askBoth = (headers = {}) => Promise.all(Array.from({ length: 20 }, () => ask(url, 'GET', headers)))
  const both = (isTrue: () => Promise<boolean>) => expect.poll(isTrue).toBe(true)
  const haveTheSame = async () => {
    const [first, ...others] = await askBoth()
    return first!.hit && others.every(({ hit, body }) => hit && body === first!.body)
  }
  const haveNone = async () =>
    (await askBoth({ 'cache-control': 'only-if-cached' })).every((answer) => answer.status === 504)

  await both(haveTheSame)
  await ask(url, 'POST')
  await both(haveNone)

  await both(haveTheSame)
  const purge = await fetch(`${gateway.adminUrl}/api/cache/purge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"route":"a"}',
  })
  expect(await purge.json()).toEqual({ purged: 1 })
  await both(haveNone)

  expect((await status(gateway)).workers.every(({ requests }) => requests > 0)).toBe(true)
})
