/** Notices that the config file changed: written in place, renamed over by an editor, or behind a symlink that was switched. */
import { type FSWatcher, watch } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** File events come in bursts; a config is read when they have settled. */
const SETTLE_MS = 100
/** Links, network and overlay file systems tell nobody: looked at this often. */
const POLL_MS = 1000

export class FileWatch {
  readonly #file: string
  readonly #changed: () => void
  #watcher: FSWatcher | null = null
  readonly #poll: NodeJS.Timeout
  #settle: NodeJS.Timeout | null = null
  #seen = ''
  #closed = false

  constructor(file: string, changed: () => void) {
    this.#file = file
    this.#changed = changed
    this.#poll = setInterval(() => void this.#look(), POLL_MS)
    this.#poll.unref()
    void this.#look()
    try {
      // The folder, not the file: a rename puts another inode under the name.
      this.#watcher = watch(dirname(file), { persistent: false }, () => void this.#look())
      this.#watcher.on('error', () => this.#watcher?.close())
    } catch {
      // No inotify to be had: polling alone notices a second later.
      this.#watcher = null
    }
  }

  async #look(): Promise<void> {
    const now = await fingerprint(this.#file)
    if (this.#closed || now === this.#seen) return
    const first = this.#seen === ''
    this.#seen = now
    if (first) return
    if (this.#settle !== null) clearTimeout(this.#settle)
    this.#settle = setTimeout(() => this.#changed(), SETTLE_MS)
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#poll)
    if (this.#settle !== null) clearTimeout(this.#settle)
    this.#watcher?.close()
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
