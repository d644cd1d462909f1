/** `sluice key … --store URL`: keys that live in the Redis of a fleet. Its password is never shown, nor need it be typed. */
import { randomBytes } from 'node:crypto'
import { parseExpiry } from '../config/consumers.ts'
import { interpolate } from '../config/secrets.ts'
import { redisServer } from '../config/store.ts'
import { StoreFailure } from '../redis/failure.ts'
import { type KeyLedger, type LedgerEntry, withKeyLedger } from '../redis/key-ledger.ts'
import type { Arguments, ExitCode, Io } from './arguments.ts'

/** What `--groups`, `--expires` and `--id` say, or what is wrong with them. */
export function keyLife({ values }: Arguments): Pick<LedgerEntry, 'groups' | 'expires' | 'id'> | string {
  const id = values['id'] ?? randomBytes(6).toString('hex')
  if (typeof id !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(id))
    return '--id takes letters, digits and . _ - up to 64'
  const groups = typeof values['groups'] === 'string' ? values['groups'].split(',') : undefined
  if (groups?.includes('')) return '--groups takes names with commas between them'
  const written = values['expires']
  if (typeof written !== 'string') return { groups, expires: undefined, id }
  const expires = parseExpiry(written)
  if (Number.isNaN(expires) || expires <= Date.now()) {
    return '--expires takes a time to come, such as 2027-01-31T12:00:00Z'
  }
  return { groups, expires, id }
}

/** Works on the keys in the store that the arguments name. */
export async function onStoredKeys(
  read: Arguments,
  io: Io,
  work: (ledger: KeyLedger) => Promise<ExitCode>,
): Promise<ExitCode> {
  const url = interpolate(String(read.values['store'] ?? ''), { env: io.env, folder: io.cwd })
  if ('problem' in url) return fail(io, `--store: ${url.problem}`)
  const server = redisServer(url.value)
  if (typeof server === 'string') return fail(io, `--store: ${server}`)
  const { secure, ...rest } = server
  const place = `${server.host}:${server.port}`
  try {
    return await withKeyLedger({ ...rest, tls: secure ? {} : null, prefix: String(read.values['prefix']) }, work)
  } catch (error) {
    if (error instanceof StoreFailure) return fail(io, `the store at ${place} cannot be used: ${error.reason}`)
    throw error
  }
}

export async function revokeKeys(ledger: KeyLedger, id: string, io: Io): Promise<ExitCode> {
  const revoked = await ledger.revoke(id)
  if (revoked.length === 0) return fail(io, `no key in the store has the id "${id}"`)
  for (const { consumer } of revoked) io.stdout(`revoked ${id} of ${consumer}: refused everywhere within a second\n`)
  return 0
}

export async function listKeys(ledger: KeyLedger, read: Arguments, io: Io): Promise<ExitCode> {
  const keys = await ledger.list()
  if (read.values['json'] === true) {
    const shown = keys.map(({ hash, expires, ...key }) => ({
      ...key,
      expires: timeOf(expires),
      hash: `sha256:${hash}`,
    }))
    io.stdout(`${JSON.stringify(shown)}\n`)
    return 0
  }
  const lines = keys.map(({ consumer, id, groups, expires }) => {
    const end = expires === undefined ? '' : `  ${expires <= Date.now() ? 'expired' : 'expires'} ${timeOf(expires)}`
    return `${consumer}  ${id}${groups === undefined ? '' : `  groups ${groups.join(',')}`}${end}\n`
  })
  io.stdout(lines.length === 0 ? 'no keys\n' : lines.join(''))
  return 0
}

function timeOf(expires: number | undefined): string | undefined {
  return expires === undefined ? undefined : new Date(expires).toISOString()
}

function fail(io: Io, message: string): ExitCode {
  io.stderr(`${message}\n`)
  return 1
}
