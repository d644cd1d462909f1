/** Another commit of this repository as a peer: `sluice@main`, `sluice@HEAD~3`. Its files lie in a folder of their own while the run lasts. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Peer } from './peer.ts'
import { sluicePeer } from './peers/sluice.ts'

const repository = resolve(import.meta.dirname, '..')
const peers = new Map<string, Peer>()

export function peerOfCommit(name: string): Peer {
  const known = peers.get(name)
  if (known !== undefined) return known
  const commit = git('rev-parse', '--short', '--verify', `${name.slice('sluice@'.length)}^{commit}`)
  const folder = mkdtempSync(join(tmpdir(), 'sluice-commit-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  execFileSync('sh', ['-c', `git -C '${repository}' archive '${commit}' | tar -x -C '${folder}'`])
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  const peer = { ...sluicePeer(name, [], join(folder, 'src/main.ts')), version: () => commit }
  peers.set(name, peer)
  return peer
}

function git(...args: string[]): string {
  return execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim()
}
