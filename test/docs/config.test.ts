import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { startGateway } from '../support/gateway.ts'
import { exampleEnv, pageFolder } from './files.ts'
import { type Block, blocksOf, pages } from './pages.ts'

const blocks = pages.flatMap(blocksOf).filter(({ language }) => language === 'yaml')
const named = (found: readonly Block[]) => found.map((block) => [`${block.page}:${block.line}`, block] as const)

/** What stands around a fragment: enough of a config that names in it mean something. */
const around = `
consumers: { mobile-app: { groups: [partner] } }
upstreams: { orders: "http://10.0.0.1:3000", search: "http://10.0.0.2:3000" }
`
const signedIn =
  'chains: { signed-in: [{ jwt: { issuer: "https://id.example.com", jwks: "https://id.example.com/jwks.json" } }] }\n'
const authenticator = /^ *- (api-key|jwt|any|signed-in)\b(?!.*(optional: true|mode: observe))/m

function completed(block: Block): string {
  const { text } = block
  const kind = block.attributes.get('fragment')
  if (kind === undefined) return text
  if (kind === 'config') return /^routes:/m.test(text) ? text : `${text}${route('')}`
  const chains = `${around}${signedIn}`
  if (kind === 'route') return `${chains}${route(text)}`
  if (kind === 'plugins') return `${chains}${route(`plugins:\n${indented(text)}`)}`
  throw new Error(`${block.page}:${block.line} is a fragment of what? "${kind}"`)
}

/** A route of these keys, and what a route must have besides. */
function route(text: string): string {
  const has = (key: string) => new RegExp(`^${key}:`, 'm').test(text)
  const keys = [
    text,
    has('match') ? '' : 'match: /*\n',
    has('upstream') || has('respond') || has('redirect') ? '' : 'upstream: http://10.0.0.9:3000\n',
    has('public') || authenticator.test(text) ? '' : 'public: "an example"\n',
  ]
  return `routes:\n  example:\n${indented(indented(keys.join('')))}`
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ')
}

describe('every config in the documentation', () => {
  test.for(named(blocks.filter(({ attributes }) => !attributes.has('refused'))))('%s loads', async ([, block]) => {
    await using folder = await pageFolder(block.page)
    const file = join(folder.path, 'example.yaml')
    await writeFile(file, completed(block))

    const { config, diagnostics } = await loadConfig(file, { env: exampleEnv })

    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(diagnostics.map(({ code }) => code)).toEqual(block.attributes.get('warns')?.split(',') ?? [])
    expect(config).not.toBe(null)
  })

  test.for(named(blocks.filter(({ attributes }) => attributes.has('refused'))))('%s is refused', async ([, block]) => {
    await using folder = await pageFolder(block.page)
    const file = join(folder.path, 'example.yaml')
    await writeFile(file, completed(block))

    const { config } = await loadConfig(file, { env: exampleEnv })

    expect(config).toBe(null)
  })

  // Plugins look at their options once more when they compile.
  test.for(named(blocks.filter(({ attributes }) => attributes.get('fragment') === 'plugins')))(
    '%s compiles',
    async ([, block]) => {
      await using gateway = await startGateway(completed(block), { env: exampleEnv })

      expect(await gateway.metrics()).toContain('sluice_config_last_reload_successful 1\n')
    },
  )
})
