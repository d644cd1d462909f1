import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isProblem, parseHost, parsePattern, parseShortMatch, patternKey } from '../../src/config/match.ts'
import { normalizePath } from '../../src/exchange/path.ts'

const merge = { slashes: 'merge' } as const

test.for([
  ['GET,POST api.example.com/orders/*', ['GET', 'POST'], 'api.example.com', '/orders/*'],
  ['/orders/{id}', null, null, '/orders/{id}'],
  ['api.example.com', null, 'api.example.com', '/*'],
  ['PURGE API.Example.COM./', ['PURGE'], 'api.example.com', '/'],
  ['*.example.com/a', null, '*.example.com', '/a'],
  ['10.0.0.1/a', null, '10.0.0.1', '/a'],
  ['[0:0:0::1]/a', null, '[::1]', '/a'],
  ['/a:batch/things:{', null, null, undefined],
  ['/things:batch', null, null, '/things:batch'],
  ['/%7euser/%c3%a9', null, null, '/~user/%C3%A9'],
  ['/caf\u00e9/\u{1f600}', null, null, '/caf%C3%A9/%F0%9F%98%80'],
  ['//a///b/', null, null, '/a/b/'],
  ['GET,GET /a', ['GET'], null, '/a'],
] as const)('%s is read as %j %s %s', ([text, methods, host, path]) => {
  const match = parseShortMatch(text, merge)

  if (path === undefined) expect(isProblem(match)).toBe(true)
  else expect(match).toMatchObject({ methods, host, path: { text: path } })
})

test('runs of slashes stay where the route keeps them', () => {
  expect(parsePattern('/a//b', { slashes: 'keep' })).toMatchObject({ text: '/a//b' })
})

test.for(['/a/*', '/*', '/', '/a/', '/{a}/b/{c}', '/a/{b}/*'])('%s has segments that make its text again', (text) => {
  const pattern = parsePattern(text, merge)
  if (isProblem(pattern)) throw new Error(pattern.problem)
  const parts = pattern.segments.map((segment) => ('literal' in segment ? segment.literal : `{${segment.parameter}}`))

  expect(`/${[...parts, ...(pattern.wildcard ? ['*'] : [])].join('/')}`).toBe(text)
})

test('patterns that differ in names alone cover the same paths', () => {
  const keys = ['/a/{b}/*', '/a/{c}/*', '/a/b/*'].map((text) => {
    const pattern = parsePattern(text, merge)
    return isProblem(pattern) ? '' : patternKey(pattern)
  })

  expect(keys).toEqual(['/a/{}/*', '/a/{}/*', '/a/b/*'])
})

test.for(['a_b.internal', 'xn--bcher-kva.example', '*.a-b.c', 'a'])('%s is a host', (text) => {
  expect(parseHost(text)).toBe(text)
})

test.for([
  '',
  '.',
  '..',
  'a..b',
  '-a',
  'a-',
  '*.',
  '**.a',
  'a.*',
  '*.10.0.0.1',
  '1.2.3',
  '01.2.3.4',
  '0x7f.1',
  '[::1',
  '[::1]x',
  '[fe80::1%25eth0]',
  'a b',
  'a,b',
  'a@b',
  'a'.repeat(64),
])('"%s" is no host', (text) => {
  expect(isProblem(parseHost(text))).toBe(true)
})

test('a pattern that is accepted is a path that requests are normalised to, and reads as itself', () => {
  const segment = fc.string({ unit: fc.constantFrom(...'aZ0-._~%2eE4fé:@!$&()+,;= {}*'), maxLength: 6 })
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
      const pattern = parsePattern(`/${segments.join('/')}`, merge)
      if (isProblem(pattern)) return
      expect(normalizePath(pattern.text)).toMatchObject({ path: pattern.text })
      expect(parsePattern(pattern.text, merge)).toEqual(pattern)
    }),
    { numRuns: 2000 },
  )
})

/** What `fc.string({ unit: 'binary' })` is made of, which takes seconds to get ready. */
const anyCharacter = fc.nat(0x10_ff_ff).map((code) => String.fromCodePoint(code))

test('any text is a match or a problem', () => {
  fc.assert(
    fc.property(fc.array(anyCharacter, { maxLength: 30 }), (characters) => {
      const text = characters.join('')
      const match = parseShortMatch(text, merge)
      expect(isProblem(match) || typeof match.path.text === 'string').toBe(true)
    }),
  )
})
