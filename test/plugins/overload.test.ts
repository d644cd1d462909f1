/** overload through a running gateway: what is shed and when, what is let through, and how it is told. */
import { expect, test, vi } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'

/** On a machine with other work. */
const soon = { timeout: 60_000 }

function yaml(options: string): string {
  return `
routes:
  orders: { match: /orders, respond: { body: "orders" }, public: test, plugins: [overload: { ${options} }] }
  health: { match: /health, respond: { body: "fine" }, public: test }
`
}

test('lets everything pass while nothing is passed', async () => {
  await using gateway = await startGateway(yaml('maxHeap: 100GB, maxRss: 100GB, maxEventLoopUtilization: 100%'))

  const { status } = await gateway.fetch('/orders')

  expect(status).toBe(200)
})

test.for(['maxRss: 1MiB', 'maxHeap: 1KiB'])(
  'refuses with 503 and retry-after beyond %s, and only where it stands',
  async (options) => {
    await using gateway = await startGateway(yaml(`${options}, retryAfter: 7s`))

    const refused = await vi.waitUntil(async () => {
      const answer = await gateway.fetch('/orders')
      return answer.status === 503 ? answer : null
    }, soon)

    expect(refused.headers.get('retry-after')).toBe('7')
    expect(await refused.json()).toMatchObject({ code: 'overloaded', title: 'Gateway overloaded' })
    expect((await gateway.fetch('/health')).status).toBe(200)
    expect(await gateway.metrics()).toMatch(
      /sluice_rejections_total\{route="orders",plugin="overload",reason="overloaded",mode="enforce"\} [1-9]/,
    )
  },
)

test('sheds while the event loop is late, and admits again when it is on time', async () => {
  await using gateway = await startGateway(yaml('maxEventLoopDelay: 40ms'))
  let blocked = true
  const block = () => {
    for (const until = performance.now() + 100; performance.now() < until; );
    if (blocked) setImmediate(block)
  }
  block()

  await vi.waitFor(async () => expect((await gateway.fetch('/orders')).status).toBe(503), soon)
  blocked = false

  await vi.waitFor(async () => expect((await gateway.fetch('/orders')).status).toBe(200), soon)
})

test('lets requests pass under observe, and counts them', async () => {
  await using gateway = await startGateway(yaml('maxHeap: 1KiB, mode: observe'))

  await vi.waitFor(async () => {
    expect((await gateway.fetch('/orders')).status).toBe(200)
    expect(await gateway.metrics()).toMatch(/plugin="overload",reason="overloaded",mode="observe"\} [1-9]/)
  }, soon)
})

async function carried({ gateway }: TestGateway): Promise<number> {
  return (await gateway.ask('carried', null))[0]!
}

test('stops sampling when no route has it any more', async () => {
  await using gateway = await startGateway(yaml('maxHeap: 1KiB'))
  const without = yaml('').replace(', plugins: [overload: {  }]', '')
  const before = await carried(gateway)

  expect(await gateway.reload(without)).toMatchObject({ ok: true })

  await vi.waitFor(async () => expect(await carried(gateway)).toBeLessThan(before), soon)
  expect((await gateway.fetch('/orders')).status).toBe(200)
})

test.for(['maxEventLoopUtilization: 101%', 'maxEventLoopDelay: 0ms', 'maxHeap: 0B'])('refuses %s', async (options) => {
  await expect(startGateway(yaml(options))).rejects.toThrow()
})
