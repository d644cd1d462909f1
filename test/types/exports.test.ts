import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('exports what plugins are written against, and nothing else', () => {
  const source = readFileSync('src/plugin.ts', 'utf8')

  // A name that goes breaks plugins of users; one that comes is a promise to keep.
  expect(exportedNames(source)).toMatchInlineSnapshot(`
    [
      "HeaderList",
      "LineSink",
      "Problem",
      "alwaysSecretHeaders",
      "duration",
      "forwardedValue",
      "isFieldValue",
      "isSecretPart",
      "isToken",
      "keyReader",
      "percentage",
      "queryName",
      "queryValue",
      "readsSecret",
      "shownKey",
      "size",
      "type AssumedIdentity",
      "type Consumer",
      "type ConsumerDirectory",
      "type Count",
      "type CounterFamily",
      "type CounterStore",
      "type Credentials",
      "type Decision",
      "type Exchange",
      "type FoundAnswer",
      "type GaugeFamily",
      "type HistogramFamily",
      "type InFlightLimit",
      "type InFlightStore",
      "type Instruments",
      "type KeyReader",
      "type Limit",
      "type LineSinkEvents",
      "type Log",
      "type Need",
      "type OnRequestHook",
      "type OnSendBodyHook",
      "type OnSendHook",
      "type PluginModule",
      "type PluginRequest",
      "type ProblemCode",
      "type ProblemInit",
      "type Purgeable",
      "type Purges",
      "type Reply",
      "type ResponseTap",
      "type RouteInfo",
      "type Scope",
      "type SharedAnswers",
      "type Siblings",
      "type Traits",
      "type UpstreamFailure",
      "type Verdict",
    ]
  `)
})

function exportedNames(source: string): string[] {
  const lists = [...source.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, type = '', names]) =>
    names!
      .split(',')
      .map((name) => `${type}${name.trim()}`)
      .filter((name) => name !== type),
  )
  const declared = [...source.matchAll(/^export (interface|type|class|function|const) (\w+)/gm)].map(
    ([, kind, name]) => (kind === 'interface' || kind === 'type' ? `type ${name}` : name!),
  )
  return [...lists, ...declared].sort()
}
