import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { deadPort } from '../support/ports.ts'
import { dyingOrigin } from './failing-origins.ts'

const yaml = (main: string, other: string, route = '') => `
upstreams:
  main: { ${main} }
  other: { ${other} }
routes:
  all: { match: /*, upstream: main, public: test${route} }
`
const at = (port: number) => `targets: ["http://127.0.0.1:${port}"]`

/** Says who it is, after the status. */
const origin = (name: string, status = 200) =>
  startOrigin((request, reply) => {
    request.resume()
    reply.writeHead(status, { 'content-type': 'text/plain' }).end(name)
  })

describe('a fallback', () => {
  test.for(['GET', 'POST'])('takes a %s when the upstream cannot be reached', async (method) => {
    await using other = await origin('other')
    await using gateway = await startGateway(yaml(`${at(await deadPort())}, fallback: other`, at(other.port)))

    const answer = await gateway.fetch('/a', { method, ...(method === 'POST' ? { body: 'x' } : {}) })

    expect([answer.status, await answer.text()]).toEqual([200, 'other'])
  })

  test('of a route stands before that of its upstream, and may be a URL', async () => {
    await using other = await origin('other')
    await using third = await origin('third')
    await using gateway = await startGateway(
      yaml(`${at(await deadPort())}, fallback: other`, at(other.port), `, fallback: "http://127.0.0.1:${third.port}"`),
    )

    expect(await (await gateway.fetch('/')).text()).toBe('third')
  })

  test('is asked only after the retries, and has retries of its own', async () => {
    await using dying = await dyingOrigin()
    await using other = await origin('other')
    const dead = await deadPort()
    await using gateway = await startGateway(
      yaml(
        `${at(dying.port)}, retries: { attempts: 1 }, fallback: other`,
        `targets: ["http://127.0.0.1:${dead}", "http://127.0.0.1:${other.port}"], retries: {}`,
      ),
    )

    expect(await (await gateway.fetch('/')).text()).toBe('other')
    expect(dying.connections.length).toBe(2)
  })

  test.for([
    ['GET', 500, 'statuses: [5xx]', 'other'],
    ['GET', 404, 'statuses: [5xx]', 'main'],
    ['GET', 500, 'statuses: []', 'main'],
    ['POST', 500, 'statuses: [5xx]', 'main'],
  ] as const)(
    'after %s answered %d, with %s, leaves the answer to %s',
    async ([method, status, statuses, expected]) => {
      await using main = await origin('main', status)
      await using other = await origin('other')
      await using gateway = await startGateway(
        yaml(`${at(main.port)}, fallback: { upstream: other, ${statuses} }`, at(other.port)),
      )

      const answer = await gateway.fetch('/', { method, ...(method === 'POST' ? { body: 'x' } : {}) })

      expect(await answer.text()).toBe(expected)
    },
  )

  test('is asked at once while the breaker is open', async () => {
    await using dying = await dyingOrigin()
    await using other = await origin('other')
    await using gateway = await startGateway(
      yaml(`${at(dying.port)}, breaker: { failures: 2 }, fallback: other`, at(other.port)),
    )

    const answers: string[] = []
    for (let i = 0; i < 6; i++) answers.push(await (await gateway.fetch('/')).text())

    expect(answers).toEqual(Array(6).fill('other'))
    expect(dying.connections.length).toBe(2)
  })

  test('is not asked for a request that the upstream may have carried out', async () => {
    await using dying = await dyingOrigin()
    await using other = await origin('other')
    await using gateway = await startGateway(yaml(`${at(dying.port)}, fallback: other`, at(other.port)))

    const answer = await gateway.fetch('/', { method: 'POST', body: 'x' })

    expect([answer.status, other.requests.length]).toEqual([502, 0])
  })

  test('has no fallback: two that stand in for each other end with a problem', async () => {
    const [one, two] = [await deadPort(), await deadPort()]
    await using gateway = await startGateway(yaml(`${at(one)}, fallback: other`, `${at(two)}, fallback: main`))

    expect((await gateway.fetch('/')).status).toBe(502)
  })
})
