/** `sluice key`: makes API keys for the file or for a store, of which only hashes are kept; lists and revokes those in a store. */
import { createHash, randomBytes } from 'node:crypto'
import { isConsumerName } from '../config/consumers.ts'
import { type Arguments, type ExitCode, type Io, misuse, readArguments } from './arguments.ts'
import { keyLife, listKeys, onStoredKeys, revokeKeys } from './key-store.ts'
import { keyManual } from './manual/key.ts'

export interface NewKey {
  readonly name: string
  /** `slk_<name>_<43 base64url>_<checksum>`. */
  readonly key: string
  /** `sha256:` and 64 hex digits. */
  readonly hash: string
}

export async function runKey(args: readonly string[], io: Io): Promise<ExitCode> {
  const words = args.includes('list') ? ['list'] : keyManual.words
  const read = readArguments(args, { ...keyManual, words }, io)
  if (read === null) return 2
  const [verb, name = ''] = read.positionals
  if (verb === 'new') return makeKey(name, read, io)
  if (verb !== 'list' && verb !== 'revoke') return refuse(`unexpected "${verb}"`, io)
  if (read.values['store'] === undefined) return refuse('--store says where the keys are', io)
  return onStoredKeys(read, io, (ledger) =>
    verb === 'list' ? listKeys(ledger, read, io) : revokeKeys(ledger, name, io),
  )
}

async function makeKey(name: string, read: Arguments, io: Io): Promise<ExitCode> {
  if (!isConsumerName(name)) {
    return refuse(`${JSON.stringify(name)} is no consumer name: letters, digits and . _ - up to 64`, io)
  }
  const made = newKey(name)
  const isJson = read.values['json'] === true
  if (read.values['store'] === undefined) {
    const stray = ['groups', 'expires', 'id'].find((option) => read.values[option] !== undefined)
    if (stray !== undefined)
      return refuse(`--${stray} is for a key in a store: in the file it stands beside the hash`, io)
    io.stdout(isJson ? `${JSON.stringify(made)}\n` : explained(made))
    return 0
  }
  const life = keyLife(read)
  if (typeof life === 'string') return refuse(life, io)
  return onStoredKeys(read, io, async (ledger) => {
    await ledger.add(made.hash.slice('sha256:'.length), { consumer: name, ...life })
    io.stdout(isJson ? `${JSON.stringify({ ...made, id: life.id })}\n` : stored(made, life.id))
    return 0
  })
}

function refuse(why: string, io: Io): ExitCode {
  return misuse(why, keyManual, io)
}

/** 256 random bits under a name, with a checksum that tells a mistyped key from a revoked one. */
export function newKey(name: string): NewKey {
  const body = `slk_${name}_${randomBytes(32).toString('base64url')}`
  const key = `${body}_${checksum(body)}`
  return { name, key, hash: `sha256:${createHash('sha256').update(key).digest('hex')}` }
}

/** The last part of a key: the first 8 hex digits of SHA-256 over all before it. Secret scanners can check it offline. */
export function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 8)
}

function explained({ name, key, hash }: NewKey): string {
  return `key, to give to ${name} (it is not shown again):
  ${key}

for gateway.yaml:
consumers:
  ${name}: { keys: ["${hash}"] }
`
}

function stored({ name, key }: NewKey, id: string): string {
  return `key, to give to ${name} (it is not shown again):
  ${key}

in the store as ${id}: it works everywhere within a second, until \`sluice key revoke ${id}\`
`
}
