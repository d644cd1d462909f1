import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

/** Which rooms a room may import from, besides itself and `node:`. Type-only imports count; `type X` allows those alone. */
const table: Readonly<Record<string, readonly string[]>> = {
  'problem.ts': [],
  'pace.ts': [],
  'collections.ts': [],
  http1: ['pace.ts'],
  state: [],
  redis: ['type config', 'ioredis', 'type plugin.ts', 'state'],
  observe: ['pino', 'prom-client', 'type plugin.ts'],
  exchange: ['type config', 'http1', 'ipaddr.js', 'problem.ts'],
  config: ['ajv', 'exchange', 'ipaddr.js', 'pace.ts', 're2js', 'type fastify', 'type plugin.ts', 'yaml'],
  'plugin.ts': ['config', 'exchange', 'observe', 'problem.ts', 'type state'],
  listener: ['type config', 'exchange', 'http1', 'pace.ts', 'problem.ts'],
  routing: ['config', 'exchange', 'pace.ts', 're2js'],
  upstream: ['config', 'exchange', 'http1', 'pace.ts', 'type state'],
  proxy: ['exchange', 'http-proxy', 'http1', 'problem.ts', 'type config', 'upstream'],
  generation: [
    'config',
    'exchange',
    'fastify',
    'fastify-plugin',
    'listener',
    'pace.ts',
    'problem.ts',
    'proxy',
    'routing',
    'type http1',
    'type observe',
    'type plugin.ts',
    'type state',
    'upstream',
  ],
  builtin: ['ws'],
  admin: ['type config', 'exchange', 'fastify', 'type plugin.ts', 'problem.ts'],
  serving: [
    'collections.ts',
    'config',
    'explain',
    'type exchange',
    'generation',
    'listener',
    'observe',
    'pace.ts',
    'type plugin.ts',
    'redis',
    'state',
    'upstream',
  ],
  workers: ['config', 'generation', 'listener', 'observe', 'type plugin.ts', 'serving', 'state', 'type upstream'],
  loading: ['config', 'explain'],
  'gateway.ts': [
    'type admin',
    'builtin',
    'collections.ts',
    'config',
    'explain',
    'gateway-admin.ts',
    'gateway-errors.ts',
    'gateway-view.ts',
    'generation',
    'loading',
    'observe',
    'serving',
    'type state',
    'type plugin.ts',
    'upstream',
    'workers',
  ],
  'gateway-admin.ts': ['admin', 'type config', 'listener', 'type plugin.ts'],
  'gateway-errors.ts': ['type config', 'generation', 'workers'],
  'gateway-view.ts': ['admin', 'config', 'explain', 'observe', 'pace.ts', 'problem.ts'],
  explain: ['config', 'exchange', 'generation', 'listener', 'observe', 'type routing', 'state', 'upstream'],
  diff: ['config', 'explain', 'upstream'],
  replay: ['config', 'type exchange', 'explain', 'type generation'],
  import: ['config', 'explain', 'yaml'],
  commands: ['config', 'diff', 'explain', 'gateway.ts', 'gateway-errors.ts', 'import', 'listener', 'replay', 'redis'],
  'main.ts': ['commands'],
}

const MAX_LINES = 300
const PARSER_LINES = 500

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .filter((name) => statSync(name).isFile())
}

function roomOf(file: string): string {
  return relative('src', file).split('/')[0]!
}

interface Import {
  readonly target: string
  readonly typeOnly: boolean
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8')
  const found = text.matchAll(
    /^(import|export)( type)?[^'"]*? from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
  )
  return [...found].map((match) => ({ target: match[3] ?? match[4] ?? match[5]!, typeOnly: match[2] !== undefined }))
}

/** The room or package that an import leads to. */
function destination(file: string, target: string): string {
  if (target.startsWith('.')) return roomOf(normalize(join(dirname(file), target)))
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/')
}

describe('the house', () => {
  test('lets imports point one way, along the path of a request', () => {
    const wrong: string[] = []
    for (const file of sources('src')) {
      const room = roomOf(file)
      const allowed = table[room] ?? []
      for (const { target, typeOnly } of importsOf(file)) {
        const to = destination(file, target)
        if (target.startsWith('node:') || to === room || allowed.includes(to)) continue
        if (typeOnly && allowed.includes(`type ${to}`)) continue
        wrong.push(`${file} imports ${typeOnly ? 'type ' : ''}${to}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('lets a plugin import the gateway, Node and packages, never the gateway’s rooms or another plugin', () => {
    const wrong: string[] = []
    for (const file of sources('plugins')) {
      const own = relative('plugins', file).split('/')[0]!.replace(/\.ts$/, '')
      for (const { target } of importsOf(file)) {
        if (!target.startsWith('.')) continue
        const to = relative('plugins', normalize(join(dirname(file), target)))
        if (to.split('/')[0]!.replace(/\.ts$/, '') !== own) wrong.push(`${file} imports ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('keeps every file within one screenful of nouns', () => {
    const long = [...sources('src'), ...sources('plugins')]
      .map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n').length - 1 }))
      .filter(({ file, lines }) => lines > (file.endsWith('parser.ts') ? PARSER_LINES : MAX_LINES))
    expect(long).toEqual([])
  })

  test('opens every file with what it is for', () => {
    const mute = [...sources('src'), ...sources('plugins')].filter(
      (file) => !/^(#!.*\n)?\/\*\*/.test(readFileSync(file, 'utf8')),
    )
    expect(mute).toEqual([])
  })
})
