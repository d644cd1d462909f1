import { expect, test } from 'vitest'
import { ReadBuffer, sharedBuffer } from '../../src/http1/read-buffer.ts'

/** A connection's memory in the middle of a large body. */
function large(): [ReadBuffer, Buffer] {
  const buffer = new ReadBuffer()
  buffer.expect(1_000_000, 0)
  return [buffer, buffer.next(true)!]
}

test('a small body is read where heads are', () => {
  const buffer = new ReadBuffer()
  buffer.expect(1000, 0)

  expect(buffer.next(true)).toBeUndefined()
  expect(buffer.next(false)).toBeUndefined()
})

test('the memory of a large body is that of the next one when it is over', () => {
  const [buffer, own] = large()

  expect(buffer.next(false)).toBe(sharedBuffer)
  expect(large()[1]).toBe(own)
})

test('memory that is still sent from is nobody else’s', () => {
  const [buffer, own] = large()

  expect(buffer.leave()).toBe(sharedBuffer)
  expect(large()[1]).not.toBe(own)
  buffer.free()
  expect(large()[1]).toBe(own)
})

test('a piece that is held is a copy in the memory that is read into next', () => {
  const buffer = new ReadBuffer()
  const piece = Buffer.from('abc')

  const held = buffer.hold(piece)
  piece.fill(0)

  expect(held.toString()).toBe('abc')
  expect(buffer.owns(held)).toBe(true)
  buffer.expect(1_000_000, 0)
  expect(buffer.next(true)!.buffer).toBe(held.buffer)
})

test('memory that held a piece and was never read into is free in the end', () => {
  const buffer = new ReadBuffer()
  const held = buffer.hold(Buffer.from('abc'))

  buffer.free()
  expect(large()[1].buffer).toBe(held.buffer)
})

test('a connection that is gone keeps no memory for others: it may still be sent from', () => {
  const [buffer, own] = large()

  buffer.forget()
  expect(large()[1]).not.toBe(own)
})

test('many large bodies at a time get less memory each', () => {
  const all = Array.from({ length: 200 }, large)
  const sizes = all.map(([, own]) => own.length)

  expect(sizes.at(-1)).toBe(64 * 1024)
  expect(sizes.filter((size) => size > 64 * 1024).length).toBeLessThanOrEqual(128)
  for (const [buffer] of all) buffer.next(false)
  expect(large()[1].length).toBeGreaterThan(64 * 1024)
})

test('connections that are gone leave room for others', () => {
  for (let i = 0; i < 300; i++) large()[0].forget()

  expect(large()[1].length).toBeGreaterThan(64 * 1024)
})
