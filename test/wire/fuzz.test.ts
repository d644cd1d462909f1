import { expect, test } from 'vitest'
import { fuzzGateway } from '../fuzz/gateway.ts'

// A small run of what `node test/fuzz/gateway.ts` does for as long as asked. The seed is fixed: it fails or it does not.
test('a thousand connections with damaged requests break nothing', { timeout: 30_000 }, async () => {
  const { broken, statuses } = await fuzzGateway(1000, 20_261_121)

  expect(broken).toEqual([])
  for (const status of ['200', '400', '401', '405']) expect(statuses).toHaveProperty(status)
})
