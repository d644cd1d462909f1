/** The store's bound, its order of forgetting, its variants and invalidation. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Entry, sizeOf } from '../../../plugins/cache/entry.ts'
import { Fill } from '../../../plugins/cache/fill.ts'
import type { CacheKey } from '../../../plugins/cache/key.ts'
import { MemoryStore } from '../../../plugins/cache/store.ts'

const KIB = 1024

function entry(changes: Partial<Entry> = {}): Entry {
  return {
    status: 200,
    reason: undefined,
    head: [],
    body: Buffer.alloc(0),
    selection: [],
    requestedAt: 0,
    receivedAt: 0,
    initialAge: 0,
    lifetime: 60_000,
    ownTtl: false,
    mustRevalidate: false,
    staleIfError: 0,
    etag: null,
    modifiedAt: 0,
    route: 'r',
    tags: [],
    ...changes,
  }
}

const key = (uri: string, audience = ':r'): CacheKey => ({ uri, audience })

function put(store: MemoryStore, at: CacheKey, one: Entry): boolean {
  return store.put(at, one, store.stamp(at.uri))
}

test('finds what was put under a key, and nothing under another URI or audience', () => {
  const store = new MemoryStore(64 * KIB, KIB)
  const one = entry()

  put(store, key('/a'), one)

  expect(store.find(key('/a'))).toEqual([one])
  expect(store.find(key('/b'))).toEqual([])
  expect(store.find(key('/a', ':other'))).toEqual([])
})

test('forgets the least recently used first', () => {
  const body = Buffer.alloc(10 * KIB)
  const store = new MemoryStore(35 * KIB, 10 * KIB)
  const a = entry({ body })
  put(store, key('/a'), a)
  put(store, key('/b'), entry({ body }))
  put(store, key('/c'), entry({ body }))

  store.touch(a)
  put(store, key('/d'), entry({ body }))

  expect(store.find(key('/b'))).toEqual([])
  expect(['/a', '/c', '/d'].map((uri) => store.find(key(uri)).length)).toEqual([1, 1, 1])
})

test('replaces a variant that the same request fields chose, and keeps others beside it, newest first', () => {
  const store = new MemoryStore(64 * KIB, KIB)
  const gzip = entry({ selection: ['accept-encoding', 'gzip'] })
  const plain = entry({ selection: ['accept-encoding', null] })
  const newGzip = entry({ selection: ['accept-encoding', 'gzip'], requestedAt: 1 })

  for (const one of [gzip, plain, newGzip]) put(store, key('/a'), one)

  expect(store.find(key('/a'))).toEqual([newGzip, plain])
})

test('keeps the answer to the newer question when the older one comes later', () => {
  const store = new MemoryStore(64 * KIB, KIB)
  const newer = entry({ requestedAt: 2 })

  put(store, key('/a'), newer)

  expect(put(store, key('/a'), entry({ requestedAt: 1 }))).toBe(false)
  expect(store.find(key('/a'))).toEqual([newer])
})

test('bounds the variants of one key', () => {
  const store = new MemoryStore(1024 * KIB, KIB)

  for (let i = 0; i < 100; i++) put(store, key('/a'), entry({ selection: ['x-id', String(i)] }))

  const kept = store.find(key('/a')).map((one) => one.selection[1])
  expect(kept).toEqual(Array.from({ length: 32 }, (_, i) => String(99 - i)))
})

test('forgets a URI for everybody, and does not keep what was asked for before', () => {
  const store = new MemoryStore(64 * KIB, KIB)
  put(store, key('/a', ':r'), entry())
  put(store, key('/a', '["r","key:shop"]'), entry())
  put(store, key('/b'), entry())
  const stamp = store.stamp('/a')

  expect(store.invalidate('/a')).toBe(2)

  expect(store.put(key('/a'), entry(), stamp)).toBe(false)
  expect(store.find(key('/a'))).toEqual([])
  expect(store.find(key('/b'))).toHaveLength(1)
  expect(put(store, key('/a'), entry())).toBe(true)
})

test('never holds more bytes than it may, stored and arriving together, whatever is done to it', () => {
  const step = fc.oneof(
    fc.record({ put: fc.integer({ min: 0, max: 9 }), size: fc.integer({ min: 0, max: 12 * KIB }) }),
    fc.record({ begin: fc.integer({ min: 0, max: 9 }), length: fc.option(fc.integer({ min: 0, max: 9000 })) }),
    fc.record({ chunk: fc.integer({ min: 1, max: 4000 }) }),
    fc.record({ finish: fc.boolean() }),
    fc.record({ invalidate: fc.integer({ min: 0, max: 9 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const max = 32 * KIB
      const store = new MemoryStore(max, 8 * KIB)
      const fills: Fill[] = []
      for (const one of steps) {
        if ('put' in one) put(store, key(`/${one.put}`), entry({ body: Buffer.alloc(one.size) }))
        else if ('begin' in one) fills.push(begin(store, `/${one.begin}`, one.length))
        else if ('chunk' in one) for (const fill of fills) fill.data(Buffer.alloc(one.chunk))
        else if ('invalidate' in one) store.invalidate(`/${one.invalidate}`)
        else if (one.finish) fills.shift()?.end()
        else fills.pop()?.abort()
        expect(store.bytes).toBeLessThanOrEqual(max)
      }
      for (const fill of fills) fill.abort()
      store.clear()
      expect(store.bytes).toBe(0)
    }),
    { numRuns: 300 },
  )
})

function begin(store: MemoryStore, uri: string, length: number | null): Fill {
  const { body: _, ...head } = entry()
  return new Fill({
    store,
    key: key(uri),
    entry: head,
    stamp: store.stamp(uri),
    length,
    maxObject: 8 * KIB,
    share: null,
  })
}

test('keeps a collected body byte for byte, however it was cut, and copies the pieces it is given', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 10 }), fc.boolean(), (pieces, declared) => {
      const store = new MemoryStore(1024 * KIB, 8 * KIB)
      const whole = Buffer.concat(pieces)
      const fill = begin(store, '/a', declared ? whole.length : null)
      const wire = Buffer.alloc(700)
      for (const piece of pieces) {
        wire.set(piece)
        fill.data(wire.subarray(0, piece.length))
      }
      fill.end()

      const kept = store.find(key('/a'))
      expect(kept.map((one) => one.body)).toEqual([whole])
      expect(store.bytes).toBe(sizeOf(kept[0]!, '/a'.length + ':r'.length))
    }),
  )
})

test.for<[name: string, length: number | null, sent: number]>([
  ['shorter than its head said', 10, 9],
  ['longer than its head said', 10, 11],
  ['larger than an object may be', null, 8 * KIB + 1],
])('keeps no body that is %s', ([, length, sent]) => {
  const store = new MemoryStore(1024 * KIB, 8 * KIB)
  const fill = begin(store, '/a', length)

  fill.data(Buffer.alloc(sent))
  fill.end()

  expect(store.find(key('/a'))).toEqual([])
  expect(store.bytes).toBe(0)
})

test('keeps no body that broke off', () => {
  const store = new MemoryStore(1024 * KIB, 8 * KIB)
  const fill = begin(store, '/a', null)

  fill.data(Buffer.from('half'))
  fill.abort()
  fill.end()

  expect(store.find(key('/a'))).toEqual([])
  expect(store.bytes).toBe(0)
})

test('lets answers that trickle in take no more than a quarter: the rest stays stored', () => {
  const store = new MemoryStore(64 * KIB, KIB)
  for (let i = 0; i < 60; i++) put(store, key(`/${i}`), entry({ body: Buffer.alloc(200) }))

  const fills = Array.from({ length: 1000 }, (_, i) => begin(store, `/new-${i}`, KIB))

  expect(fills.filter((fill) => fill.isCollecting)).toHaveLength(16)
  expect(store.find(key('/59'))).toHaveLength(1)
})
