import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { ISSUER, issuerKey, sign, startIssuer } from '../plugins/jwt/issuer.ts'
import { startGateway } from '../support/gateway.ts'
import { tableRows } from './pages.ts'

describe('docs/metrics.md', () => {
  test('names every metric of a busy gateway with its type and labels, and no other', async () => {
    const key = await issuerKey('one')
    await using issuer = await startIssuer(key)
    await using gateway = await startGateway(busy(issuer.url))
    const headers = { authorization: `Bearer ${await sign(key)}` }
    for (const path of ['/open', '/none', '/signed-in']) await (await gateway.fetch(path, { headers })).text()

    const shown = familiesOf(await gateway.metrics())

    const documented = tableRows('docs/metrics.md', '<!-- metrics -->').map(([name, type]) => `${plain(name!)} ${type}`)
    expect(documented.sort()).toEqual(shown.sort())
  })

  test('gives the labels that the series have', async () => {
    await using issuer = await startIssuer()
    await using gateway = await startGateway(busy(issuer.url))
    for (const path of ['/open', '/none', '/signed-in']) await (await gateway.fetch(path)).text()
    const documented = new Map(
      tableRows('docs/metrics.md', '<!-- metrics -->').map(([name, , labels]) => [plain(name!), namesIn(labels!)]),
    )

    const series = (await gateway.metrics()).matchAll(/^(sluice_\w+?)(?:_bucket)?\{([^}]*)\}/gm)

    const wrong = [...series]
      .map(([, name, labels]) => [name!, [...labels!.matchAll(/(\w+)="/g)].map((match) => match[1]!)] as const)
      .filter(([name]) => documented.has(name))
      .filter(([name, labels]) => String(labels.filter((label) => label !== 'le')) !== String(documented.get(name)))
    expect(wrong).toEqual([])
  })
})

describe('docs/operations.md', () => {
  test('names every field of the access log, in order', async () => {
    await using gateway = await startGateway(`
routes:
  open: { match: /open, upstream: builtin://echo, public: "test", plugins: [access-log: { to: access.log }] }
`)
    await (await gateway.fetch('/open')).text()

    const line = await vi.waitFor(async () => {
      const text = await readFile(join(gateway.folder, 'access.log'), 'utf8')
      return JSON.parse(text.slice(0, text.indexOf('\n')))
    }, 60_000)

    const documented = tableRows('docs/operations.md', '<!-- access log fields -->').map(([field]) => plain(field!))
    expect(documented).toEqual(Object.keys(line))
  })

  test('names every path of the admin listener', async () => {
    await using gateway = await startGateway('routes: { open: { match: /, respond: { body: "" }, public: "test" } }')
    const index = await (await fetch(`${gateway.adminUrl}/`)).text()

    const linked = [...index.matchAll(/href="([^"]+)"/g)].map((match) => `GET ${match[1]}`)

    const rows = tableRows('docs/operations.md', '## The admin listener').map(([path]) => plain(path!))
    const target = 'POST /api/upstreams/NAME/targets/N'
    const posted = [
      'POST /api/cache/purge',
      'POST /api/explain',
      'POST /api/reload',
      `${target}/drain`,
      `${target}/undrain`,
    ]
    expect(rows.filter((path) => path !== 'GET /').sort()).toEqual([...linked, ...posted].sort())
  })
})

function busy(jwks: string): string {
  return `
plugins: [metrics]
routes:
  open:
    match: /open
    upstream: builtin://echo
    public: "test"
    plugins: [access-log: { to: access.log }, cache: { ttl: 1m }, rate-limit: { max: 9, window: 1m }]
  signed-in:
    match: /signed-in
    upstream: builtin://echo
    plugins: [jwt: { issuer: "${ISSUER}", jwks: "${jwks}" }]
`
}

function familiesOf(exposition: string): string[] {
  return [...exposition.matchAll(/^# TYPE (sluice_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
}

function plain(cell: string): string {
  return cell.replaceAll('`', '')
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`(\w+)`/g)].map((match) => match[1]!)
}
