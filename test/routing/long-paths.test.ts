/** What the longest paths that are let in cost: no more than their length. */
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { exchange } from '../support/wire.ts'

// Dots that do not end a segment are read for whether they do, under each reading of the path: 0.15 to 0.5 s a request.
test('a path of dots that origins may read in several ways', async () => {
  await using gateway = await startGateway(`
routes:
  guarded: { match: /guarded/*, upstream: "http://127.0.0.1:9", plugins: [api-key] }
  open: { match: /open/*, respond: { status: 200 }, public: test }
consumers: { a: { keys: ["sha256:${'0'.repeat(64)}"] } }
`)
  const target = `/open/%252525${'.'.repeat(8000)}A`

  const started = process.cpuUsage()
  for (let i = 0; i < 10; i++) {
    expect(await exchange(gateway.port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /)
  }
  expect(process.cpuUsage(started).user / 1e6).toBeLessThan(0.75)
})

test.for(['/Guarded./x', '/guarded%20../x', '/guarded%C2%A0/x', '/guarded...%20/x'])(
  '%s is still ambiguous: some origins drop dots and blanks at the end of a segment',
  async (target) => {
    await using gateway = await startGateway(`
routes:
  guarded: { match: /guarded/*, upstream: "http://127.0.0.1:9", plugins: [api-key] }
  open: { match: /*, respond: { status: 200 }, public: test }
consumers: { a: { keys: ["sha256:${'0'.repeat(64)}"] } }
`)
    expect(await exchange(gateway.port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).toContain('is ambiguous')
  },
)
