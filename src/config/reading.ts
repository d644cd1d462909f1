/** What every reader of a section is given: the checked data, where it stands, and where to say what is wrong with it. */
import { resolve } from 'node:path'
import type { ConfigDocument, Path } from './document.ts'
import type { Findings } from './findings.ts'
import type { RawConfig } from './raw.ts'
import { readSmallFile } from './secrets.ts'
import { duration, percentage } from './units.ts'

export class Reading {
  readonly document: ConfigDocument
  readonly findings: Findings
  readonly data: RawConfig
  /** Folder of the config file: relative paths start here. */
  readonly folder: string
  /** Contents of files that are part of the config, for its hash. */
  readonly files: string[] = []
  /** Where those files are; also of those that could not be read. */
  readonly paths: string[] = []

  constructor(parts: { document: ConfigDocument; findings: Findings; data: RawConfig; folder: string }) {
    this.document = parts.document
    this.findings = parts.findings
    this.data = parts.data
    this.folder = parts.folder
  }

  /** Milliseconds that a timer can wait: over zero unless `zero`, and under 24.8 days, where timers of Node overflow. */
  milliseconds(text: string, path: Path, limits: { readonly zero: boolean } = { zero: false }): number {
    const ms = duration(text)
    if (ms < (limits.zero ? 0 : 1) || ms >= 2 ** 31) {
      const expected = `a duration ${limits.zero ? 'of' : 'over 0ms and'} at most 24d`
      this.findings.error(
        'wrong-value',
        this.document.place(path),
        `expected ${expected}, found ${this.document.shown(path)}`,
      )
    }
    return ms
  }

  /** The fraction that a percentage is: over zero unless `zero`, and at most one. */
  share(text: string, path: Path, limits: { readonly zero: boolean } = { zero: false }): number {
    const share = percentage(text)
    if (share > 1 || (share === 0 && !limits.zero)) {
      const expected = limits.zero ? 'a share from 0% to 100%' : 'a share over 0% and at most 100%'
      this.findings.error(
        'wrong-value',
        this.document.place(path),
        `expected ${expected}, found ${this.document.shown(path)}`,
      )
    }
    return share
  }

  /** The text of a file named in the config; undefined, and reported, where it cannot be read. */
  file(name: string, path: Path): string | undefined {
    const file = resolve(this.folder, name)
    this.paths.push(file)
    const read = readSmallFile(file)
    if (typeof read !== 'string') {
      this.findings.error('unreadable-file', this.document.place(path), `cannot read ${name}: ${read.reason}`)
      return undefined
    }
    this.files.push(read)
    return read
  }
}

/** Names of routes, upstreams, chains and listeners: they are metric labels and parts of paths. */
export const namePattern = /^[A-Za-z0-9._-]{1,128}$/

/** Reports a key that cannot be a name. */
export function checkName(reading: Reading, path: Path): void {
  const name = String(path.at(-1))
  if (namePattern.test(name)) return
  const message = `${JSON.stringify(name)} is no name: letters, digits and . _ - up to 128`
  reading.findings.error('bad-name', reading.document.keyPlace(path), message)
}

/** The entries of a map of names that could be read; names that cannot be names are reported. */
export function namedEntries<Value>(
  reading: Reading,
  path: Path,
  map: Readonly<Record<string, Value | undefined>> | undefined,
): [string, Value][] {
  return Object.entries(map ?? {}).flatMap(([name, value]) => {
    checkName(reading, [...path, name])
    return value === undefined ? [] : [[name, value] as [string, Value]]
  })
}
