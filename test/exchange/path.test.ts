import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalizePath } from '../../src/exchange/path.ts'

// RFC 3986 §6.2.2 and CONTRACT, "Path".
describe('normalizePath', () => {
  test.for([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['//a', '/a'],
    ['/a//b///c', '/a/b/c'],
    ['/./a', '/a'],
    ['/a/.', '/a/'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/..', '/'],
    ['/a/b/..', '/a/'],
    ['/%61dmin', '/admin'],
    ['/public/%2e%2e/admin', '/admin'],
    ['/public/%2E%2E/admin', '/admin'],
    ['/public/.%2e/admin', '/admin'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/a%7eb', '/a~b'],
    ['/a%20b', '/a%20b'],
    ['/a%253d', '/a%253d'],
    ['/a%26b', '/a%26b'],
    ['/a;x=1', '/a;x=1'],
    ['/...', '/...'],
    ['/a..b', '/a..b'],
    ['/.well-known/x', '/.well-known/x'],
  ] as const)('reads %s as %s', ([raw, path]) => {
    expect(normalizePath(raw)).toMatchObject({ path })
  })

  test.for([
    '/..',
    '/../a',
    '/a/../../b',
    '/%2e%2e/a',
    '/a\\b',
    '/a%5cb',
    '/a%5Cb',
    '/a%00',
    '/a%0a',
    '/a%1F',
    '/a%7f',
    '/a%',
    '/a%2',
    '/a%zz',
    '/a#b',
    '/a%ff',
    '/a%c0%af',
    '/a%ed%a0%80',
    '/é',
    '/a b',
    '/..%2fadmin',
    '/a/%2f/b',
    '/a/%2Fb',
    '/a/b%2f',
    '/a/b%2f..',
    '/a/.%2fb',
  ])('refuses %s', (raw) => {
    expect(normalizePath(raw)).toBeTypeOf('string')
  })

  test('keeps an encoded slash for the route to judge', () => {
    expect(normalizePath('/a%2fb')).toMatchObject({ path: '/a%2Fb', encodedSlash: true })
  })

  test('keeps runs of slashes beside the merged path', () => {
    expect(normalizePath('/a//b/../c')).toMatchObject({ path: '/a/c', kept: '/a//c' })
  })

  const segment = fc.oneof(
    fc.constantFrom(
      '.',
      '..',
      '',
      'a',
      'A',
      'b;c',
      '%2e',
      '%2E%2e',
      '%61',
      '%2f',
      '%5c',
      '%00',
      '%',
      '%C3%A9',
      '%ff',
      '...',
      'x.',
    ),
    fc.string({ maxLength: 6 }),
  )
  const rawPath = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => `/${segments.join('/')}`)

  test('gives a path that is its own normal form', () => {
    fc.assert(
      fc.property(rawPath, (raw) => {
        const once = normalizePath(raw)
        if (typeof once === 'string') return
        expect(normalizePath(once.path)).toMatchObject({ path: once.path })
      }),
      { numRuns: 3000 },
    )
  })

  test('agrees with a plain model of RFC 3986', () => {
    fc.assert(
      fc.property(rawPath, (raw) => {
        const found = normalizePath(raw)
        expect(typeof found === 'string' ? null : found.path).toBe(model(raw))
      }),
      { numRuns: 5000 },
    )
  })
})

/** The rules one after another, as they are written down; null where the path is refused. */
function model(raw: string): string | null {
  if ([...raw].some((char) => char <= ' ' || char > '~') || /[\\#]/.test(raw)) return null
  const bytes: (string | null)[] = []
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] !== '%') {
      bytes.push(raw[i]!)
      continue
    }
    const hex = raw.slice(i + 1, i + 3)
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return null
    const byte = Number.parseInt(hex, 16)
    if (byte < 0x20 || byte === 0x7f || byte === 0x5c) return null
    bytes.push(/[A-Za-z0-9._~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${hex.toUpperCase()}`)
    i += 2
  }
  const decoded = bytes.join('')
  const octets = decoded.replaceAll(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  if (!Buffer.from(Buffer.from(octets, 'latin1').toString('utf8')).equals(Buffer.from(octets, 'latin1'))) return null
  for (const segment of decoded.split('/').filter((one) => one.includes('%2F'))) {
    if (segment.split('%2F').some((part) => ['', '.', '..'].includes(part))) return null
  }
  const output: string[] = []
  let trailing = false
  for (const segment of decoded.split('/')) {
    trailing = ['', '.', '..'].includes(segment)
    if (segment === '..' && output.pop() === undefined) return null
    if (!trailing) output.push(segment)
  }
  return `/${output.join('/')}${trailing && output.length > 0 ? '/' : ''}`
}
