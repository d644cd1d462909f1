/** Limits are those of the gateway, not of a thread. */
import { Agent, request } from 'node:http'
import { expect, test, vi } from 'vitest'
import { startOrigin } from '../support/origin.ts'
import { isReady, startTwo, status } from './setup.ts'

/** Answers by status, of so many requests at once on as many connections as given. */
async function flood(url: string, { requests, connections }: { requests: number; connections: number }) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const statuses = await Promise.all(Array.from({ length: requests }, () => statusOf(url, agent)))
  agent.destroy()
  return Object.fromEntries([...Map.groupBy(statuses, (one) => one)].map(([code, all]) => [code, all.length]))
}

function statusOf(url: string, agent?: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: agent ?? false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode!))
    })
    sent.on('error', reject).end()
  })
}

test('admits exactly max, fixed and sliding, whichever thread a request comes to', async () => {
  const route = (algorithm: string) =>
    `  ${algorithm}: { match: /${algorithm}, respond: { status: 200 }, public: test, plugins: [rate-limit: { max: 200, window: 1h, algorithm: ${algorithm} }] }\n`
  await using gateway = await startTwo(`routes:\n${route('fixed')}${route('sliding')}`)

  for (const algorithm of ['fixed', 'sliding'])
    expect(await flood(`${gateway.url}/${algorithm}`, { requests: 600, connections: 40 })).toEqual({
      200: 200,
      429: 400,
    })

  expect((await status(gateway)).workers.every(({ requests }) => requests > 0)).toBe(true)
})

test('counts what is in flight over all threads, and gives back what a thread held that ended', async () => {
  await using origin = await startOrigin(() => {})
  const dying = `export const schema = { type: 'object', additionalProperties: false }
export const traits = {}
export default (scope) => scope.addHook('onRequest', () => { process.exit(1) })`
  await using gateway = await startTwo(
    `upstreams: { origin: ["${origin.url}"] }
routes:
  held: { match: /held, upstream: origin, public: test, plugins: [concurrency: { max: 8 }] }
  die: { match: /die, respond: { status: 200 }, public: test, plugins: [./die.js] }
`,
    { files: { 'die.js': dying } },
  )
  /** Requests that got a place and have it still; those that lost their connection count in `lost`, those without a place in `refused`. */
  let lost = 0
  let refused = 0
  const hold = () => {
    for (let i = 0; i < 20; i++)
      statusOf(`${gateway.url}/held`).then(
        () => refused++,
        () => lost++,
      )
  }
  hold()
  await vi.waitFor(() => expect(origin.requests).toHaveLength(8), 60_000)
  // Else one that waits to be refused is lost with the thread, and no place with it.
  await vi.waitFor(() => expect(refused).toBe(12), 60_000)
  expect(await statusOf(`${gateway.url}/held`)).toBe(429)

  while (lost === 0) {
    await statusOf(`${gateway.url}/die`).catch(() => 0)
    await vi.waitFor(async () => expect(await isReady(gateway)).toBe(true), 60_000)
  }
  const freed = lost
  hold()

  await vi.waitFor(() => expect(origin.requests).toHaveLength(8 + freed), 60_000)
  expect(await statusOf(`${gateway.url}/held`)).toBe(429)
})
