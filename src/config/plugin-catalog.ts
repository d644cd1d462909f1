/**
 * The plugins that configs name: found, imported once, their schemas compiled. Lives as long as the process that reloads,
 * because Node's module cache does: a file that changed since it was imported is not the code that runs.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { FastifyPluginAsync, FastifyPluginCallback } from 'fastify'
import type { PluginModule, Traits } from '../plugin.ts'
import type { PluginRef } from './config.ts'
import type { DiagnosticCode } from './diagnostic.ts'
import { PackageFinder, realPathBelow } from './plugin-file.ts'
import { moduleProblem } from './plugin-module.ts'
import type { Schema } from './schema/forms.ts'
import { baseSchema, type PluginSchema } from './schema/schema.ts'
import { type Validator, ValidatorCompiler } from './schema/validator.ts'
import { reasonOf } from './secrets.ts'

/** Any Fastify plugin. */
export interface ForeignModule {
  readonly default: FastifyPluginAsync | FastifyPluginCallback
  readonly schema?: object
}

export type LoadedPlugin =
  | { readonly ref: PluginRef; readonly kind: 'native'; readonly module: PluginModule }
  | { readonly ref: PluginRef; readonly kind: 'foreign'; readonly module: ForeignModule }

export interface CatalogEntry {
  readonly plugin: LoadedPlugin
  /** Of its options; null for a foreign plugin without schema. */
  readonly validator: Validator | null
  /** Not imported (`userPlugins: false`): nothing is known about it. */
  readonly skipped: boolean
}

export interface PluginFailure {
  readonly code: DiagnosticCode
  readonly message: string
}

export interface PluginSource {
  /** Folder of the config file. */
  readonly folder: string
  /** False: paths and packages are not imported. */
  readonly userPlugins: boolean
}

interface Imported {
  readonly plugin: LoadedPlugin
  readonly validator: Validator | null
}

const builtInFolder = new URL('../../plugins/', import.meta.url)

export class PluginCatalog {
  readonly #compiler = new ValidatorCompiler()
  readonly #imported = new Map<string, Promise<Imported | PluginFailure>>()
  /** Digest of each user plugin's file when it was imported. */
  readonly #digests: Map<string, string>
  /** Files whose import failed: Node remembers the failure, so the repaired file is imported under another URL. */
  readonly #failed = new Set<string>()
  #base: Validator | undefined

  /** `digests`: of what other threads have imported, where that is what counts. */
  constructor(digests: ReadonlyMap<string, string> = new Map()) {
    this.#digests = new Map(digests)
  }

  /** Digest of each user plugin's file when it was imported, by URL. */
  get digests(): ReadonlyMap<string, string> {
    return this.#digests
  }

  /** Other threads serve with these. */
  learn(digests: ReadonlyMap<string, string>): void {
    for (const [url, digest] of digests) this.#digests.set(url, digest)
  }

  /** The validator of the file itself. */
  get base(): Validator {
    this.#base ??= this.#compiler.compile(baseSchema, 'the box')
    return this.#base
  }

  /** Names of the plugins in the box. */
  get builtIns(): readonly string[] {
    return readdirSync(builtInFolder)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => name.slice(0, -3))
      .sort()
  }

  /** The plugin of a name as written in the file, or why there is none. */
  async find(name: string, source: PluginSource): Promise<CatalogEntry | PluginFailure> {
    if (this.builtIns.includes(name)) {
      return this.load({ name, url: new URL(`${name}.ts`, builtInFolder).href })
    }
    const file = isPath(name) ? realPathBelow(source.folder, name) : new PackageFinder(source.folder).find(name)
    if (typeof file !== 'string') return file
    const url = pathToFileURL(file).href
    const digest = digestOf(file)
    if (typeof digest !== 'string')
      return { code: 'plugin-failed', message: `${name} cannot be read: ${digest.reason}` }
    if (!source.userPlugins) return skipped({ name, url, digest })
    return this.load({ name, url, digest })
  }

  /** The plugin that a checked config names: imported once, and refused where its file is another by now. */
  async load(ref: PluginRef): Promise<CatalogEntry | PluginFailure> {
    const { name, url, digest } = ref
    if (digest === undefined) return withoutSkip(await this.#importOnce(ref))
    if ((this.#digests.get(url) ?? digestOf(fileURLToPath(url))) !== digest) {
      return {
        code: 'plugin-changed',
        message: `${name} has changed since it was loaded: restart to load the new code`,
      }
    }
    this.#digests.set(url, digest)
    const entry = withoutSkip(await this.#importOnce(ref))
    if (!('code' in entry)) return { ...entry, plugin: { ...entry.plugin, ref } }
    this.#imported.delete(url)
    this.#digests.delete(url)
    this.#failed.add(url)
    return entry
  }

  /** Names and schemas of all plugins in the box, for editors and readers: nothing is checked with them, so none is compiled. */
  async builtInSchemas(): Promise<PluginSchema[]> {
    const modules = this.builtIns.map(async (name) => {
      const module: PluginModule = await import(new URL(`${name}.ts`, builtInFolder).href)
      return { name, schema: itemSchema(module) }
    })
    return Promise.all(modules)
  }

  #importOnce(ref: PluginRef): Promise<Imported | PluginFailure> {
    let imported = this.#imported.get(ref.url)
    if (imported === undefined) {
      imported = this.#import(ref)
      this.#imported.set(ref.url, imported)
    }
    return imported
  }

  async #import(ref: PluginRef): Promise<Imported | PluginFailure> {
    let module: Record<string, unknown>
    try {
      // Where it is wanted: with a hook in it, Node's loader is a tenth slower for everything.
      if (ref.digest !== undefined) await import('./plugin-imports.ts')
      module = await import(this.#failed.has(ref.url) ? `${ref.url}?${ref.digest}` : ref.url)
    } catch (error) {
      return { code: 'plugin-failed', message: `${ref.name} cannot be imported: ${firstLine(error)}` }
    }
    const problem = moduleProblem(module)
    if (problem !== null) return { code: 'plugin-invalid', message: `${ref.name} ${problem}` }
    try {
      const plugin = loaded(ref, module)
      const from = ref.digest === undefined ? 'the box' : 'the user'
      const schema = plugin.kind === 'native' ? itemSchema(plugin.module) : (plugin.module.schema as Schema | undefined)
      return { plugin, validator: schema === undefined ? null : this.#compiler.compile(schema, from) }
    } catch (error) {
      return { code: 'plugin-invalid', message: `${ref.name} has a schema that is none: ${firstLine(error)}` }
    }
  }
}

/** A path starts with `/`, `./` or `../`; everything else is a name. */
export function isPath(name: string): boolean {
  return /^\.{0,2}\//.test(name)
}

/** A plugin's options with the keys that its traits add to every item of it. */
function itemSchema(module: PluginModule): Schema {
  const known = itemSchemas.get(module)
  if (known !== undefined) return known
  const schema = makeItemSchema(module)
  itemSchemas.set(module, schema)
  return schema
}

/** By module: the same schema is compiled once, however many catalogs there are. */
const itemSchemas = new WeakMap<PluginModule, Schema>()

function makeItemSchema({ schema, traits }: { schema: object; traits: Traits }): Schema {
  const own = schema as Schema & { readonly properties?: object }
  const properties = {
    ...(traits.refuses === true ? observeKey : {}),
    ...(traits.optional === true ? optionalKey : {}),
    ...own.properties,
  }
  return { ...own, properties }
}

const observeKey = {
  mode: {
    type: 'string',
    enum: ['enforce', 'observe'],
    description: '`observe`: decides, counts and logs, but lets the request through. Else `enforce`.',
  },
}
const optionalKey = {
  optional: { type: 'boolean', description: 'Requests without credentials pass as anonymous.' },
}

function loaded(ref: PluginRef, module: Record<string, unknown>): LoadedPlugin {
  if (module['traits'] !== undefined) return { ref, kind: 'native', module: module as unknown as PluginModule }
  // A CommonJS package that was compiled from a default export has it one level down.
  const inner = module['default'] as ForeignModule['default'] | { readonly default: ForeignModule['default'] }
  const plugin = typeof inner === 'function' ? inner : inner.default
  const schema = module['schema'] as object | undefined
  return { ref, kind: 'foreign', module: schema === undefined ? { default: plugin } : { default: plugin, schema } }
}

function skipped(ref: PluginRef): CatalogEntry {
  const refuse = () => {
    throw new Error(`${ref.name} was not loaded`)
  }
  return { plugin: { ref, kind: 'foreign', module: { default: refuse } }, validator: null, skipped: true }
}

function withoutSkip(imported: Imported | PluginFailure): CatalogEntry | PluginFailure {
  return 'code' in imported ? imported : { ...imported, skipped: false }
}

function digestOf(file: string): string | { readonly reason: string } {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex')
  } catch (error) {
    return { reason: reasonOf(error) }
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!
}
