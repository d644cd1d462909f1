/**
 * What Redis runs for us: each script is one round trip, atomic, on keys of one slot, by the server's clock. The names are
 * methods of the connection.
 */

import type { Result } from 'ioredis'
import type { Changes } from './shared-map.ts'

/** Counts a hit of a fixed window. KEYS: the count. ARGV: window in ms. Returns count, ms left. */
const hitFixed = `
local count = redis.call('INCR', KEYS[1])
local left = count == 1 and -1 or redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return { count, left }`

const readFixed = `
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = redis.call('PTTL', KEYS[1])
if left < 0 then left = tonumber(ARGV[1]) end
return { count + 1, left }`

/**
 * The sliding window of state/slices.ts, with the slices of a key as fields of a hash. ARGV: window in ms, max, slices,
 * whether to count. Returns count, ms until it goes down or, where it is over max, until a hit would be admitted.
 */
const sliding = `
local window, max, slices = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local slice = math.floor(now * slices / window)
local held, gone, total = {}, {}, 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local at, count = tonumber(fields[i]), tonumber(fields[i + 1])
  if at + slices < slice then
    gone[#gone + 1] = fields[i]
  else
    held[#held + 1] = { at, count }
    total = total + count
  end
end
local leaving = math.max(1, total - max + 1)
table.sort(held, function (one, other) return one[1] < other[1] end)
local last = slice
for _, one in ipairs(held) do
  leaving = leaving - one[2]
  last = one[1]
  if leaving <= 0 then break end
end
if leaving > 0 then last = slice end
local left = math.ceil((last + slices + 1) * window / slices - now)
if ARGV[4] == '1' and total < max then
  redis.call('HINCRBY', KEYS[1], string.format('%d', slice), 1)
  if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
  redis.call('PEXPIRE', KEYS[1], math.ceil((slices + 1) * window / slices) + 1)
end
return { total + 1, left }`

/** Says that a node lives, and forgets those that have not said so for long. KEYS: nodes. ARGV: node, ms. Returns how many live. */
const announce = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%d', now - tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])`

/**
 * Changes a field of a shared map. KEYS: values, versions by field, head. ARGV: field, value (empty: remove), an epoch for a
 * map that has none yet, how many fields it may have (0: any number). Beyond it those that changed longest ago go.
 */
const change = `
redis.call('HSETNX', KEYS[3], 'epoch', ARGV[3])
local version = redis.call('HINCRBY', KEYS[3], 'version', 1)
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('ZADD', KEYS[2], version, ARGV[1])
local excess = tonumber(ARGV[4]) > 0 and redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4]) or 0
if excess > 0 then
  local gone = redis.call('ZRANGE', KEYS[2], 0, excess - 1)
  redis.call('HSET', KEYS[3], 'floor', redis.call('ZSCORE', KEYS[2], gone[#gone]))
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, excess - 1)
  redis.call('HDEL', KEYS[1], unpack(gone))
end
return version`

/** What changed after a version, oldest first. ARGV: version, how many at most. */
const changes = `
local epoch = redis.call('HGET', KEYS[3], 'epoch') or ''
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local entries = {}
for i = 1, #found, 2 do
  entries[#entries + 1] = found[i]
  entries[#entries + 1] = found[i + 1]
  entries[#entries + 1] = redis.call('HGET', KEYS[1], found[i])
end
return { epoch, entries, tonumber(redis.call('HGET', KEYS[3], 'floor') or '0') }`

/**
 * The answer that a cache keeps for a request. KEYS: when its resource was written to, the names of the fields that choose. ARGV:
 * field, digest of its value, … Returns when it was written to and, where something is kept, its bytes and the ms it has left.
 */
const findAnswer = `
local written = redis.call('GET', KEYS[1]) or ''
local names = redis.call('GET', KEYS[2])
if not names then return { written } end
local sent, chosen = {}, {}
for i = 1, #ARGV, 2 do sent[ARGV[i]] = ARGV[i + 1] end
for name in string.gmatch(names, '[^,]+') do chosen[#chosen + 1] = name .. ' ' .. (sent[name] or '') end
local key = KEYS[2] .. ':' .. redis.sha1hex(table.concat(chosen, ','))
return { written, redis.call('GET', key) or '', redis.call('PTTL', key) }`

export const scripts = {
  hitFixed: { lua: hitFixed, numberOfKeys: 1 },
  readFixed: { lua: readFixed, numberOfKeys: 1 },
  sliding: { lua: sliding, numberOfKeys: 1 },
  announce: { lua: announce, numberOfKeys: 1 },
  change: { lua: change, numberOfKeys: 3 },
  changes: { lua: changes, numberOfKeys: 3 },
  findAnswer: { lua: findAnswer, numberOfKeys: 2 },
}

declare module 'ioredis' {
  interface RedisCommander<Context> {
    hitFixed(key: string, windowMs: number): Result<[number, number], Context>
    readFixed(key: string, windowMs: number): Result<[number, number], Context>
    sliding(
      key: string,
      ...args: [windowMs: number, max: number, slices: number, counts: 0 | 1]
    ): Result<[number, number], Context>
    change(
      ...args: [
        values: string,
        versions: string,
        head: string,
        field: string,
        value: string,
        epoch: string,
        most: number,
      ]
    ): Result<number, Context>
    changes(
      ...args: [values: string, versions: string, head: string, version: number, limit: number]
    ): Result<Changes, Context>
    findAnswerBuffer(
      ...args: [written: string, names: string, ...fields: string[]]
    ): Result<[written: Buffer, bytes?: Buffer, leftMs?: number], Context>
    announce(key: string, node: string, livesMs: number): Result<number, Context>
  }
}
