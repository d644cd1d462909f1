/** Fields that decide what is kept, named in a `Connection` field (RFC 9110 §7.6.1): it can take none of them away. */
import { expect, test } from 'vitest'
import { startGateway } from '../../support/gateway.ts'
import { answering, scriptedOrigin } from '../../support/scripted-origin.ts'
import { start, yaml } from './setup.ts'

test.for([
  ['Cache-Control: private, no-store'],
  ['Cache-Control: max-age=0'],
  ['Expires: 0'],
  ['Pragma: no-cache'],
  ['Set-Cookie: sid=1'],
  ['Vary: *'],
  ['Age: 4000', 'Cache-Control: max-age=3600'],
] as const)('an answer with %s is not kept, though its Connection field names that', async ([field, more]) => {
  const name = field.split(':')[0]!
  const lines = [`Connection: close, ${name}`, field, ...(more === undefined ? [] : [more]), 'Content-Length: 6']
  await using origin = await scriptedOrigin(answering(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\nsecret`))
  await using gateway = await startGateway(yaml(`http://127.0.0.1:${origin.port}`, {}))

  const first = await gateway.fetch('/')
  const second = await gateway.fetch('/')

  expect(first.headers.get(name)).toBe(field.slice(name.length + 2))
  expect([first, second].map(({ headers }) => headers.get('cache-status'))).toEqual([
    expect.stringContaining('fwd=uri-miss'),
    expect.stringContaining('fwd=uri-miss'),
  ])
  expect(origin.connections).toHaveLength(2)
})

test('what a client names in its Connection field chooses among answers as if it had not been sent', async () => {
  await using setup = await start({ head: { vary: 'accept-language' } })

  const first = await setup.raw('GET', 'connection: accept-language', 'accept-language: de')
  const others = await setup.ask({ headers: { 'accept-language': 'de' } })
  const none = await setup.raw('GET')

  expect(setup.origin.requests[0]!.headers['accept-language']).toBeUndefined()
  expect(first).toMatch(/fwd=uri-miss/)
  expect(others).toEqual(['2 fwd=vary-miss'])
  expect(none).toMatch(/hit[\s\S]*\r\n\r\n1$/)
})

test.for(['authorization', 'cookie'])(
  'a client that names its %s is nobody to the origin, so its answer is everybody’s',
  async (name) => {
    await using setup = await start()

    const named = await setup.raw('GET', `connection: ${name}`, `${name}: a=b`)
    const without = await setup.raw('GET')
    const sent = await setup.raw('GET', `${name}: a=b`)

    expect([named, without, sent].map((answer) => answer.slice(-1))).toEqual(['1', '1', '2'])
    expect(setup.origin.requests.map(({ headers }) => headers[name])).toEqual([undefined, 'a=b'])
  },
)

test('a client that wants nothing kept is heeded, though its Connection field names Cache-Control', async () => {
  await using setup = await start()

  await setup.raw('GET', 'connection: cache-control', 'cache-control: no-store')
  const second = await setup.raw('GET')

  expect(second).toMatch(/fwd=uri-miss[\s\S]*\r\n\r\n2$/)
})
