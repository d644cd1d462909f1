/** A gateway that took most of its config over from the one before serves as one that began with it. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'

const padding = Array.from(
  { length: 250 },
  (_, i) => `  pad${i}: { match: "/pad${i}/{id}", respond: { status: 200, body: "${i}" }, public: "test" }\n`,
).join('')

const stamp = `
export const traits = { reads: () => ['header:x-stamp'] }
export const schema = { type: 'object', additionalProperties: false, properties: { text: { type: 'string' } } }
export default function stamp(scope, { text }) {
  scope.addHook('onSend', (_, reply) => reply.headers.set('x-stamp', text + scope.reads.join()))
}
`
const foreign = `export default async function foreign(app) { app.addHook('onSend', async (_, reply) => { reply.header('x-foreign', 'yes') }) }\n`

interface File {
  readonly head: string
  readonly upstreams: readonly string[]
  readonly routes: readonly string[]
}

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex')

function files(origin: string): File[] {
  const begun: File = {
    head: `name: one\nplugins: [metrics]\nconsumers:\n  one: { keys: ["sha256:${hashOf('first key')}"] }\nchains:\n  keyed: [api-key]\n`,
    upstreams: [
      `  plain: "${origin}"\n`,
      `  spare: "${origin}/spare"\n`,
      `  backed: { targets: ["http://127.0.0.1:1"], fallback: spare }\n`,
    ],
    routes: [
      '  stamped: { match: /stamped, respond: { status: 200 }, public: "test", plugins: [{ ./stamp.mjs: { text: s } }] }\n',
      '  a: { match: /a, upstream: plain, public: "test", plugins: [{ ./stamp.mjs: { text: a } }] }\n',
      '  b: { match: /b, upstream: backed, public: "test" }\n',
      '  keyed: { match: "/Keyed/*", upstream: plain, plugins: [keyed] }\n',
      '  foreign: { match: /foreign, upstream: plain, public: "test", plugins: [./foreign.mjs] }\n',
      '  split: { match: /split, upstream: [{ upstream: plain, weight: 1 }, { upstream: spare, weight: 3 }], public: "test" }\n',
      '  own: { match: /own, upstream: spare, fallback: backed, public: "test" }\n',
    ],
  }
  const [plain, , backed] = begun.upstreams
  const renamed = begun.head.replace('name: one', 'name: two')
  return [
    begun,
    // Everything stands on other lines, and in another order.
    { ...begun, head: `# comment\n\n${begun.head}`, routes: begun.routes.toReversed() },
    { ...begun, head: renamed },
    {
      head: renamed,
      upstreams: [plain!, `  spare: "${origin}/other"\n`, backed!],
      routes: [
        '  a2: { match: /a, upstream: plain, public: "test" }\n',
        ...begun.routes.filter((one) => !one.startsWith('  a:')),
      ],
    },
    { ...begun, head: renamed.replace(hashOf('first key'), hashOf('second key')) },
    {
      ...begun,
      head: `dns: { refresh: 5s }\n${begun.head
        .replace('[metrics]', '[metrics, { headers: { response: { set: { x-all: yes } } } }]')
        .replace('keyed: [api-key]', 'keyed: [{ api-key: { header: x-key } }]')}`,
      routes: begun.routes.slice(1),
    },
  ]
}

const text = ({ head, upstreams, routes }: File) =>
  `${head}upstreams:\n${upstreams.join('')}routes:\n${routes.join('')}`

const paths = ['/stamped', '/a', '/b', '/Keyed/x', '/keyed/x', '/foreign', '/own', '/none']

/** What it would do with some requests, what it does with some, and how much it holds. */
async function seen(gateway: TestGateway): Promise<unknown> {
  const explained = await Promise.all(
    paths.map((url) => gateway.gateway.explain({ method: 'GET', url, headers: ['host', 'a', 'x-request-id', 'same'] })),
  )
  const answers = await Promise.all(
    paths.map(async (path) => {
      const answer = await gateway.fetch(path, {
        headers: { 'x-api-key': 'second key', 'x-key': 'first key' },
      })
      const { status, headers } = answer
      // Where the origin was asked: it says so in JSON. Problems have an id of their own.
      const url =
        status === 200
          ? ((await answer.text()).match(/"url":"[^"]*"/)?.[0] ?? null)
          : await answer.text().then(() => null)
      return [path, status, url, ...['x-stamp', 'x-foreign', 'x-all', 'via'].map((name) => headers.get(name))]
    }),
  )
  const listed = (await (await fetch(`${gateway.adminUrl}/api/routes`)).json()) as { routes: { name: string }[] }
  const routes = listed.routes.filter(({ name }) => !name.startsWith('pad'))
  return JSON.parse(JSON.stringify({ explained, answers, routes }).replaceAll(/"generation":\d+/g, '"generation":0'))
}

test('after each of a row of edits it does what a new gateway does, and holds as much', async () => {
  await using origin = await startOrigin()
  const options = { files: { 'stamp.mjs': stamp, 'foreign.mjs': foreign } }
  const [first, ...edits] = files(origin.url)
  await using edited = await startGateway(text(first!) + padding, options)
  for (const edit of edits) {
    expect(await edited.reload(text(edit) + padding)).toMatchObject({ ok: true, changed: true })

    // A small file, which is read at once: the rest of it answers by itself.
    await using fresh = await startGateway(text(edit), options)

    expect(await seen(edited)).toEqual(await seen(fresh))
    await expect.poll(() => edited.gateway.ask('carried', null)).toEqual(await fresh.gateway.ask('carried', null))
  }
})
