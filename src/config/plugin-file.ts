/** Where the module of a user's plugin is: below the config's folder, or in a package installed for it or for Sluice. */
import { readFileSync, realpathSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import { dirname, join, resolve, sep } from 'node:path'
import type { PluginFailure } from './plugin-catalog.ts'
import { reasonOf } from './secrets.ts'

/** The real file of a plugin given by path. Links that lead out of the config's folder are refused. */
export function realPathBelow(folder: string, path: string): string | PluginFailure {
  try {
    const file = realpathSync(resolve(folder, path))
    const below = file.startsWith(`${realpathSync(folder)}${sep}`)
    return below ? file : { code: 'plugin-failed', message: `${path} is not below the folder of the config` }
  } catch (error) {
    return { code: 'plugin-failed', message: `${path} cannot be read: ${reasonOf(error)}` }
  }
}

export class PackageFinder {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The entry file of a package, looked up from the config's folder, then from Sluice's. */
  find(name: string): string | PluginFailure {
    if (!/^(@[a-z0-9._~-]+\/)?[a-z0-9_~][a-z0-9._~-]*(\/[A-Za-z0-9._~/-]+)?$/.test(name) || name.includes('..')) {
      return { code: 'unknown-name', message: `no plugin, chain or package is called "${name}"` }
    }
    for (const base of [join(this.#folder, 'package.json'), import.meta.filename]) {
      const file = entryOf(name, base)
      if (file !== undefined) return file
    }
    return { code: 'unknown-name', message: `no plugin, chain or package is called "${name}"` }
  }
}

function entryOf(name: string, base: string): string | undefined {
  try {
    const file = createRequire(base).resolve(name)
    // A module of Node's own is no package.
    return file.startsWith('/') || /^[A-Za-z]:/.test(file) ? file : undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    return code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' ? importEntryOf(name, base) : undefined
  }
}

/** The entry of a package that exports nothing to `require`. */
function importEntryOf(name: string, base: string): string | undefined {
  const manifest = findPackageJSON(name, base)
  if (manifest === undefined) return undefined
  // Node has read and parsed the same file a moment ago, to find that it exports nothing to `require`.
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports?: unknown }
  const subpath = `.${name
    .split('/')
    .slice(name.startsWith('@') ? 2 : 1)
    .map((part) => `/${part}`)
    .join('')}`
  const isMap =
    typeof exports === 'object' && exports !== null && Object.keys(exports).some((key) => key.startsWith('.'))
  const target = conditional(
    isMap ? (exports as Record<string, unknown>)[subpath] : subpath === '.' ? exports : undefined,
  )
  return target === undefined ? undefined : join(dirname(manifest), target)
}

/** Package exports as `import` resolves them (Node.js, "Conditional exports"). */
function conditional(target: unknown): string | undefined {
  if (typeof target === 'string') return target
  if (typeof target !== 'object' || target === null) return undefined
  for (const [condition, inner] of Object.entries(target)) {
    if (!['node', 'import', 'default'].includes(condition)) continue
    const found = conditional(inner)
    if (found !== undefined) return found
  }
  return undefined
}
