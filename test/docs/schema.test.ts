import { readdirSync, readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
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
    return { name, text, refused: /^\S+:\d+:\d+ {2}error/m.test(expected) }
  })

  test.for(cases.filter(({ refused }) => !refused).map(({ name, text }) => [name, text] as const))(
    'the case %s',
    ([, text]) => {
      expect(mistakes(text)).toEqual([])
    },
  )
})

test('gateway.schema.json takes the config of the demo', () => {
  expect(mistakes(readFileSync('gateway.yaml', 'utf8'))).toEqual([])
})
