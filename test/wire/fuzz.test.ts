import { expect, test } from 'vitest'
import { fuzzGateway } from '../fuzz/gateway.ts'

// A small run of what `node test/fuzz/gateway.ts` does for as long as asked. The seed is fixed: it fails or it does not.
test('a thousand connections with damaged requests break nothing', async () => {
  const wanted = ['200', '400', '401', '405']
  let seen: readonly string[] = []
  for (const silenceMs of [25, 250, 2500]) {
    const { broken, statuses } = await fuzzGateway(1000, 20_261_121, silenceMs)
    expect(broken).toEqual([])
    seen = Object.keys(statuses)
    // Clients left before they were answered: the machine is busy, so they are told to wait longer.
    if (wanted.every((status) => seen.includes(status))) break
  }

  expect(seen).toEqual(expect.arrayContaining(wanted))
})
