/** Notices that the config file, or a file that it names, changed: written in place, renamed over, or behind a symlink that was switched. */
import { type FSWatcher, watch } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** File events come in bursts; a config is read when they have settled. */
const SETTLE_MS = 100
/** Links, network and overlay file systems tell nobody: looked at this often. */
const POLL_MS = 1000

export class FileWatch {
  readonly #changed: () => void
  /** What each file looked like when it was last looked at. */
  readonly #seen = new Map<string, string>()
  readonly #folders = new Map<string, FSWatcher>()
  readonly #poll: NodeJS.Timeout
  #files: readonly string[] = []
  #settle: NodeJS.Timeout | null = null
  #closed = false

  constructor(changed: () => void) {
    this.#changed = changed
    this.#poll = setInterval(() => void this.#look(), POLL_MS)
    this.#poll.unref()
  }

  /** Looks at these files from now on, and at no others. What changes once it has resolved is noticed. */
  async follow(files: readonly string[]): Promise<void> {
    if (this.#closed) return
    this.#files = [...new Set(files)]
    for (const file of this.#seen.keys()) if (!this.#files.includes(file)) this.#seen.delete(file)
    const folders = new Set(this.#files.map((file) => dirname(file)))
    for (const [folder, watcher] of this.#folders) if (!folders.has(folder)) this.#unwatch(folder, watcher)
    for (const folder of folders) if (!this.#folders.has(folder)) this.#watch(folder)
    await this.#look()
  }

  /** The folder, not the file: a rename puts another inode under the name. */
  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => void this.#look())
      watcher.on('error', () => this.#unwatch(folder, watcher))
      this.#folders.set(folder, watcher)
    } catch {
      // No inotify to be had: polling alone notices a second later.
    }
  }

  #unwatch(folder: string, watcher: FSWatcher): void {
    watcher.close()
    this.#folders.delete(folder)
  }

  /** They are about to be read: what has changed until now is no reason to read them again. */
  async pass(): Promise<void> {
    if ((await this.#see()) === null) return
    if (this.#settle !== null) clearTimeout(this.#settle)
    this.#settle = null
  }

  async #look(): Promise<void> {
    if ((await this.#see()) !== true) return
    if (this.#settle !== null) clearTimeout(this.#settle)
    this.#settle = setTimeout(() => this.#changed(), SETTLE_MS)
  }

  /** Looks, and remembers it. Whether a file has changed since the last look; null: other files are meant meanwhile. */
  async #see(): Promise<boolean | null> {
    const files = this.#files
    const prints = await Promise.all(files.map(fingerprint))
    if (this.#closed || files !== this.#files) return null
    let changed = false
    for (const [index, file] of files.entries()) {
      const before = this.#seen.get(file)
      this.#seen.set(file, prints[index]!)
      changed ||= before !== undefined && before !== prints[index]
    }
    return changed
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#poll)
    if (this.#settle !== null) clearTimeout(this.#settle)
    for (const watcher of this.#folders.values()) watcher.close()
  }
}

async function fingerprint(file: string): Promise<string> {
  try {
    const [path, { ino, size, mtimeMs, ctimeMs }] = await Promise.all([realpath(file), stat(file)])
    return JSON.stringify([path, ino, size, mtimeMs, ctimeMs])
  } catch (error) {
    // In the middle of a rename it is missing for a moment; if it stays missing, that is a change to report.
    return `missing ${(error as NodeJS.ErrnoException).code}`
  }
}
