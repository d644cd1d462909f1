/** Who the client is, behind proxies that are trusted or not. CONTRACT "The wire". */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'
import { start, trusting } from './forwarded-setup.ts'

describe('the client’s address', () => {
  test.for([
    ['is the peer’s where nobody is trusted', '', ['X-Forwarded-For: 6.6.6.6'], '127.0.0.1'],
    [
      'is the peer’s where others are trusted',
      trusting('x-forwarded-for', '10.0.0.0/8'),
      ['X-Forwarded-For: 6.6.6.6'],
      '127.0.0.1',
    ],
    ['is appended to behind a trusted proxy', trusting(), ['X-Forwarded-For: 1.2.3.4'], '1.2.3.4, 127.0.0.1'],
    [
      'keeps the hops before',
      trusting(),
      ['X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.9'],
      '6.6.6.6, 1.2.3.4, 10.0.0.9, 127.0.0.1',
    ],
    [
      'may come on several lines',
      trusting(),
      ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 1.2.3.4'],
      '6.6.6.6, 1.2.3.4, 127.0.0.1',
    ],
    ['is the peer’s where the proxy says nothing', trusting(), [], '127.0.0.1'],
    [
      'comes from the one header that is believed',
      trusting('x-real-ip'),
      ['X-Real-IP: 1.2.3.4', 'X-Forwarded-For: 6.6.6.6'],
      '1.2.3.4',
    ],
    ['comes from cf-connecting-ip', trusting('cf-connecting-ip'), ['CF-Connecting-IP: 1.2.3.4'], '1.2.3.4'],
  ] as const)('%s', async ([, front, lines, expected]) => {
    await using setup = await start(front)

    expect(await setup.value('x-forwarded-for', ...lines)).toBe(expected)
  })

  // RFC 7239. Quotes that a client leaves open do not reach into what its proxy adds.
  test.for([
    ['Forwarded: for=1.2.3.4', '1.2.3.4'],
    ['Forwarded: For="1.2.3.4:5678";proto=https;by=10.0.0.9', '1.2.3.4'],
    ['Forwarded: for="[2001:db8::1]:5678"', '2001:db8::1'],
    ['Forwarded: for=6.6.6.6, proto=http;for=1.2.3.4, for=10.0.0.1', '1.2.3.4'],
    ['Forwarded: for="6.6.6.6, for=1.2.3.4', '1.2.3.4'],
    ['Forwarded: for=6.6.6.6, for=_hidden', '127.0.0.1'],
    ['Forwarded: for=6.6.6.6, by=10.0.0.1', '127.0.0.1'],
    ['X-Forwarded-For: 6.6.6.6', '127.0.0.1'],
  ] as const)('where `forwarded` is believed, of %s is %s', async ([line, expected]) => {
    await using setup = await start(trusting('Forwarded'))

    expect(await setup.value('x-forwarded-for', line)).toBe(expected)
    expect(await setup.value('forwarded', line)).toBe(undefined)
  })

  // What limits, filters and logs go by: the rightmost address that no trusted proxy has.
  test.for([
    ['X-Forwarded-For: 6.6.6.6, 1.2.3.4', '1.2.3.4'],
    ['X-Forwarded-For: 1.2.3.4, 10.1.2.3, 10.0.0.1', '1.2.3.4'],
    ['X-Forwarded-For: 1.2.3.4:5678', '1.2.3.4'],
    ['X-Forwarded-For: [2001:db8::1]:5678', '2001:db8::1'],
    ['X-Forwarded-For: 2001:db8::1', '2001:db8::1'],
    ['X-Forwarded-For: 2001:db8::1, fd00::1', '2001:db8::1'],
    ['X-Forwarded-For: ::ffff:1.2.3.4', '1.2.3.4'],
    ['X-Forwarded-For: ::FFFF:1.2.3.4', '1.2.3.4'],
    ['X-Forwarded-For: 1.2.3.4, ::ffff:10.0.0.1', '1.2.3.4'],
    ['X-Forwarded-For: 10.0.0.7', '10.0.0.7'],
    // Garbage ends the walk: who wrote it is not known.
    ['X-Forwarded-For: 6.6.6.6, unknown', '127.0.0.1'],
    ['X-Forwarded-For: 6.6.6.6, _hidden, 10.0.0.1', '10.0.0.1'],
    ['X-Forwarded-For: 6.6.6.6,', '127.0.0.1'],
    ['X-Forwarded-For: 1.2.3.4.5', '127.0.0.1'],
    ['X-Forwarded-For: 01.2.3.4', '127.0.0.1'],
    ['X-Forwarded-For: fe80::1%eth0', '127.0.0.1'],
    ['X-Forwarded-For:', '127.0.0.1'],
    ['X-Real-IP: 6.6.6.6', '127.0.0.1'],
  ] as const)('of %s is %s', async ([line, expected]) => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `${trusting()}\nroutes:\n  all: { match: /*, upstream: "${origin.url}", public: test, plugins: [./ip.js] }\n`,
      {
        files: {
          'ip.js': `
export const schema = { type: 'object', additionalProperties: false }
export const traits = {}
export default (scope) => scope.addHook('onSend', (request, reply) => reply.header('x-ip', request.ip))`,
        },
      },
    )

    expect(await exchange(gateway.port, `GET / HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n`)).toContain(
      `x-ip: ${expected}\r\n`,
    )
  })
})
