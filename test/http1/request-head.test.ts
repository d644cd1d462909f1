import { expect, test } from 'vitest'
import { headText } from '../../src/http1/request-writer.ts'

const textOf = (...headers: string[]) => headText({ method: 'GET', target: '/', headers, body: { kind: 'none' } })

test('a value that is no text is made one once, and looked at each time', () => {
  const list = ['good']
  let asked = 0
  const twofold = { toString: () => (asked++ === 0 ? 'good' : 'bad\r\nx-b: 1') }

  expect(textOf('x-a', list as never)).toBe('GET / HTTP/1.1\r\nx-a: good\r\n\r\n')
  list[0] = 'bad\r\nx-b: 1'
  expect(() => textOf('x-a', list as never)).toThrow(TypeError)
  expect(textOf('x-a', twofold as never)).toBe('GET / HTTP/1.1\r\nx-a: good\r\n\r\n')
  expect(textOf('x-a', 5 as never)).toBe('GET / HTTP/1.1\r\nx-a: 5\r\n\r\n')
})

test('a value that was good once does not make another of the same field good', () => {
  expect(textOf('x-a', 'one')).toBe('GET / HTTP/1.1\r\nx-a: one\r\n\r\n')
  expect(textOf('x-a', 'one')).toBe('GET / HTTP/1.1\r\nx-a: one\r\n\r\n')

  for (const bad of ['one\r\nx-b: 1', 'one\n', 'one\0', 'one\u010a']) {
    expect(() => textOf('x-a', bad)).toThrow(TypeError)
    expect(() => textOf('x-a', bad)).toThrow(TypeError)
  }
  expect(textOf('x-a', 'one', 'x-a', 'two')).toBe('GET / HTTP/1.1\r\nx-a: one\r\nx-a: two\r\n\r\n')
})
