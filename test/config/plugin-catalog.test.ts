import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { PluginCatalog } from '../../src/config/plugin-catalog.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-catalog-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0

/** A config whose one route has the plugin, beside the files. */
function configWith(plugin: string, files: Readonly<Record<string, string>>): string {
  const folder = join(root, `${folders++}`)
  for (const [name, text] of Object.entries(files)) put(join(folder, name), text)
  const file = join(folder, 'gateway.yaml')
  put(file, `routes: { a: { match: /a, upstream: "builtin://echo", public: test, plugins: ["${plugin}"] } }\n`)
  return file
}

function put(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

const native = `
export const schema = { type: 'object', additionalProperties: false, properties: { n: { type: 'integer', default: 7 } } }
export const traits = {}
export default function mine() {}
`

test('a plugin by path is loaded with the defaults of its schema, and its file is in the hash', async () => {
  const file = configWith('./plugins/mine.ts', { 'plugins/mine.ts': native })
  const before = await loadConfig(file)
  put(join(dirname(file), 'plugins/mine.ts'), `${native}// changed`)
  const after = await loadConfig(file)

  expect(before.config?.routes[0]?.chain).toMatchObject([
    {
      id: 'routes.a/./plugins/mine.ts#0',
      options: { n: 7 },
      plugin: { name: './plugins/mine.ts', digest: /^[0-9a-f]{64}$/ },
    },
  ])
  expect(after.config?.hash).not.toBe(before.config?.hash)
})

test('a plugin file that changed since it was loaded refuses the config until a restart', async () => {
  const catalog = new PluginCatalog()
  const file = configWith('./mine.ts', { 'mine.ts': native })
  const first = await loadConfig(file, {}, catalog)
  put(join(dirname(file), 'mine.ts'), `${native}// changed`)
  const changed = await loadConfig(file, {}, catalog)
  put(join(dirname(file), 'mine.ts'), native)
  const back = await loadConfig(file, {}, catalog)

  expect(first.config).not.toBeNull()
  expect(changed.diagnostics).toMatchObject([
    { code: 'plugin-changed', message: './mine.ts has changed since it was loaded: restart to load the new code' },
  ])
  expect(back.config?.hash).toBe(first.config?.hash)
})

test('a plugin file that failed to load is loaded once it is repaired, without a restart', async () => {
  const catalog = new PluginCatalog()
  const file = configWith('./mine.ts', { 'mine.ts': 'export const = broken' })
  const broken = await loadConfig(file, {}, catalog)
  put(join(dirname(file), 'mine.ts'), native)
  const repaired = await loadConfig(file, {}, catalog)

  expect(broken.diagnostics).toMatchObject([{ code: 'plugin-failed' }])
  expect(repaired.config?.routes[0]?.chain).toHaveLength(1)
})

test('a link that leads out of the folder of the config is refused', async () => {
  const file = configWith('./mine.ts', {})
  put(join(root, 'outside.ts'), native)
  symlinkSync(join(root, 'outside.ts'), join(dirname(file), 'mine.ts'))

  const { diagnostics } = await loadConfig(file)
  expect(diagnostics).toMatchObject([
    { code: 'plugin-failed', message: './mine.ts is not below the folder of the config' },
  ])
})

test.for([
  ['commonjs', { main: 'index.cjs' }, 'index.cjs', 'module.exports = async function plugin() {}'],
  [
    'esm-only',
    { type: 'module', exports: { import: './index.js' } },
    'index.js',
    'export default async function plugin() {}',
  ],
  ['@scope/name', { type: 'module', exports: './index.js' }, 'index.js', 'export default async () => {}'],
] as const)('the package %s beside the config is a foreign plugin', async ([name, manifest, entry, code]) => {
  const file = configWith(name, {
    [`node_modules/${name}/package.json`]: JSON.stringify({ name, version: '1.0.0', ...manifest }),
    [`node_modules/${name}/${entry}`]: code,
  })

  const result = await loadConfig(file)
  expect(result.diagnostics).toEqual([])
  const [plugin] = result.config === null ? [] : result.plugins.values()
  expect(plugin).toMatchObject({ kind: 'foreign', ref: { name } })
  expect(typeof plugin?.module.default).toBe('function')
})

test('a package that the config has not is looked up from the folder of Sluice', async () => {
  const result = await loadConfig(configWith('fastify-plugin', {}))

  expect(result.diagnostics).toEqual([])
})

test('without user plugins nothing of theirs runs, and a warning says that it was not checked', async () => {
  const file = configWith('./mine.ts', { 'mine.ts': 'throw new Error("ran")' })
  const text = 'routes: { a: { match: /a, upstream: "builtin://echo", plugins: [./mine.ts: { any: thing }] } }\n'
  put(file, text)

  const { config, diagnostics } = await loadConfig(file, { userPlugins: false })
  expect(config?.routes[0]?.chain).toMatchObject([{ options: { any: 'thing' } }])
  expect(diagnostics).toMatchObject([
    { code: 'plugin-skipped', severity: 'warning', message: './mine.ts was not loaded: what it does is not checked' },
  ])
})

test('every plugin in the box has a schema that editors can be given', async () => {
  const catalog = new PluginCatalog()
  const schemas = await catalog.builtInSchemas()

  expect(schemas.map(({ name }) => name)).toEqual(catalog.builtIns)
  for (const { schema } of schemas) expect(schema).toMatchObject({ type: 'object', additionalProperties: false })
})
