/** `sluice key new NAME`: an API key and the hash of it that goes into the config. The key itself is shown once and kept nowhere. */
import { createHash, randomBytes } from 'node:crypto'
import { isConsumerName } from '../config/consumers.ts'
import { type ExitCode, type Io, readArguments } from './arguments.ts'

const usage = 'sluice key new NAME [--json]'

export interface NewKey {
  readonly name: string
  /** `slk_<name>_<43 base64url>_<checksum>`. */
  readonly key: string
  /** `sha256:` and 64 hex digits. */
  readonly hash: string
}

export async function runKey(args: readonly string[], io: Io): Promise<ExitCode> {
  const read = readArguments(args, { usage, options: { json: { type: 'boolean', default: false } }, words: 2 }, io)
  if (read === null) return 2
  const [verb, name] = read.positionals as [string, string]
  if (verb !== 'new') {
    io.stderr(`unexpected "${verb}"\nusage: ${usage}\n`)
    return 2
  }
  if (!isConsumerName(name)) {
    io.stderr(`${JSON.stringify(name)} is no consumer name: letters, digits and . _ - up to 64\nusage: ${usage}\n`)
    return 2
  }
  const made = newKey(name)
  io.stdout(read.values['json'] === true ? `${JSON.stringify(made)}\n` : explained(made))
  return 0
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
