/** The chunked coding (RFC 9112 §7.1), byte by byte: what is read, and what is not. */
import { describe, expect, test } from 'vitest'
import { outcomeOf } from './ask.ts'

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const zeros = (count: number) => '0'.repeat(count)

describe('a chunked body that breaks the coding is incomplete (RFC 9112 §7.1):', () => {
  test.for([
    ['zeros without end before a size', `${zeros(17_000)}1\r\na\r\n0\r\n\r\n`],
    ['zeros before sizes beyond the bound of the whole body', `${`${zeros(40)}1\r\na\r\n`.repeat(900)}0\r\n\r\n`],
    ['a size that is no number', 'xyz\r\n'],
    ['an empty size', '\r\nabc\r\n0\r\n\r\n'],
    ['a signed size', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a prefixed size', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a blank behind the size', '5 \r\nhello\r\n0\r\n\r\n'],
    ['a blank before the size', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['a blank within the size', '5 0\r\nhello\r\n0\r\n\r\n'],
    ['a blank behind an extension', '5;a \r\nhello\r\n0\r\n\r\n'],
    ['a blank behind the value of an extension', '5;a=b \r\nhello\r\n0\r\n\r\n'],
    ['a blank within the name of an extension', '5;a b\r\nhello\r\n0\r\n\r\n'],
    ['a blank within the value of an extension', '5;a=b c\r\nhello\r\n0\r\n\r\n'],
    ['an extension of blanks', '5; \r\nhello\r\n0\r\n\r\n'],
    ['an extension with a blank for its value', '5;a= \r\nhello\r\n0\r\n\r\n'],
    ['a value without a name', '5 ; =b\r\nhello\r\n0\r\n\r\n'],
    ['two values of an extension', '5;a=b=c\r\nhello\r\n0\r\n\r\n'],
    ['blanks beyond the bound', `5${' '.repeat(17_000)};a\r\nhello\r\n0\r\n\r\n`],
    ['a bare LF behind the size', '5\nhello\r\n0\r\n\r\n'],
    ['payload not followed by CRLF', '5\r\nhelloX\r\n0\r\n\r\n'],
    ['payload followed by a bare LF', '5\r\nhello\n0\r\n\r\n'],
    ['an empty extension', '5;\r\nhello\r\n0\r\n\r\n'],
    ['a bare CR in an extension', '5;a\rb\r\nhello\r\n0\r\n\r\n'],
    ['a bare LF in an extension', '5;a=b\nhello\r\n0\r\n\r\n'],
    ['a quoted extension without end', '5;a="b\r\nhello\r\n0\r\n\r\n'],
    ['extensions beyond the bound', `5;${'a'.repeat(17_000)}\r\nhello\r\n0\r\n\r\n`],
    ['many small extensions beyond the bound', `${'1;aaaaaaaaaaaaaaaaaaa\r\nx\r\n'.repeat(900)}0\r\n\r\n`],
    ['a malformed trailer', '0\r\nA b\r\n\r\n'],
    ['trailers beyond the bound', `0\r\nA: ${'b'.repeat(20_000)}\r\n\r\n`],
    ['too many trailers', `0\r\n${'A: b\r\n'.repeat(51)}\r\n`],
    ['FIN before the last chunk', '5\r\nhello\r\n'],
    ['FIN within a chunk', '5\r\nhel'],
    ['FIN within the trailers', '0\r\nA: b\r\n'],
  ])('%s', async ([, body]) => {
    expect(await outcomeOf(CHUNKED + body)).toBe('incomplete')
  })
})

describe('a chunked body is delivered:', () => {
  test.for([
    ['with extensions, which are dropped', `5;a;b=c;d="e;\\"f"\r\nhello\r\n0;z\r\n\r\n`, '200 hello'],
    // RFC 9112 §7.1.1, RFC 9110 §5.6.3: "bad" blanks are read.
    ['with a blank before an extension', `5 ;a\r\nhello\r\n0\r\n\r\n`, '200 hello'],
    [
      'with blanks around the parts of extensions',
      `5 \t; a = b\t;\tc ; d\t= "e" ; f\r\nhello\r\n0 ; z\r\n\r\n`,
      '200 hello',
    ],
    // RFC 9112 §7.1: 1*HEXDIG
    ['with zeros before the sizes', `${zeros(30)}5\r\nhello\r\n${zeros(30)}\r\n\r\n`, '200 hello'],
    [
      'with all sizes of sixteen digits',
      `${`${zeros(15)}1\r\na\r\n`.repeat(3000)}0\r\n\r\n`,
      `200 ${'a'.repeat(3000)}`,
    ],
  ])('%s', async ([, body, expected]) => {
    expect(await outcomeOf(CHUNKED + body)).toBe(expected)
  })
})
