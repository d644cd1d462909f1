import { readdirSync, readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { scenarios } from '../explain/agreement-configs.ts'
import { blocksOf, pages } from './pages.ts'

const validate = new Ajv({ strict: false, allErrors: true }).compile(
  JSON.parse(readFileSync('gateway.schema.json', 'utf8')),
)

function mistakes(text: string): unknown {
  return validate(parse(text)) ? [] : validate.errors
}

describe('gateway.schema.json takes', () => {
  const blocks = pages
    .flatMap(blocksOf)
    .filter(
      ({ language, attributes }) => language === 'yaml' && !attributes.has('refused') && !attributes.has('fragment'),
    )

  test.for(blocks.map((block) => [`${block.page}:${block.line}`, block.text] as const))('%s', ([, text]) => {
    expect(mistakes(text)).toEqual([])
  })

  const cases = readdirSync('test/config/cases').map((name) => {
    const [text = '', expected = ''] = readFileSync(`test/config/cases/${name}`, 'utf8').split('----------\n', 2)
    const codes = [...expected.matchAll(/^\S+:\d+:\d+ {2}error {2}(\S+)/gm)].map(([, code]) => code!)
    return { name, text, codes }
  })

  test.for(cases.filter(({ codes }) => codes.length === 0).map(({ name, text }) => [name, text] as const))(
    'the case %s',
    ([, text]) => {
      expect(mistakes(text)).toEqual([])
    },
  )

  test.for(
    scenarios({ app: '0'.repeat(64), partner: '1'.repeat(64) }).map(({ name, config }) => [name, config] as const),
  )('the config of %s', ([, config]) => {
    expect(mistakes(config.replaceAll('ORIGIN', 'http://10.0.0.1:3000'))).toEqual([])
  })

  // What an editor can see: shapes of values, but not those that plugins of the file's own take.
  const shapes = ['wrong-type', 'wrong-unit', 'unknown-key']
  const unread = ['yaml-syntax', 'too-many-aliases', 'duplicate-key']
  const misshapen = cases.filter(
    ({ name, codes }) =>
      name !== 'plugin-options.yaml' &&
      codes.some((code) => shapes.includes(code)) &&
      !codes.some((code) => unread.includes(code)),
  )

  test.for(misshapen.map(({ name, text }) => [name, text] as const))('not the case %s', ([, text]) => {
    expect(mistakes(text)).not.toEqual([])
  })
})

test('gateway.schema.json takes the config of the demo', () => {
  expect(mistakes(readFileSync('gateway.yaml', 'utf8'))).toEqual([])
})
