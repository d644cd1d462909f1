import { describe, expect, test } from 'vitest'
import { banner } from '../../src/commands/banner.ts'
import { startGateway } from '../support/gateway.ts'

const hashOfDemoKey = 'sha256:c48a01f49fd0f2cc404bc3cbbc80e91457a3d41bb429a695243de4c61794155c'

/** What is printed for a config, with the ports that the system picked named. */
async function printed(yaml: string): Promise<string> {
  await using gateway = await startGateway(yaml)
  const text = banner(gateway.gateway, 'my.yaml')
  return text.replaceAll(gateway.url, 'GATEWAY').replaceAll(gateway.adminUrl, 'ADMIN')
}

describe('what run prints', () => {
  test('names a public request, and readiness', async () => {
    expect(
      await printed(`
routes:
  item: { match: "GET /items/{id}/*", respond: { body: "" }, public: "test" }
  keyed: { match: /keyed, respond: { body: "" }, plugins: [api-key] }
`),
    ).toMatchInlineSnapshot(`
      "sluice serves 2 routes (1 public) from my.yaml
        gateway  GATEWAY
        admin    ADMIN/  (metrics at /metrics)

      Try:
        curl GATEWAY/items/1/1
        curl ADMIN/readyz
      "
    `)
  })

  test('shows the key of the demo only where it is one', async () => {
    expect(
      await printed(`
consumers: { demo: { keys: ["${hashOfDemoKey}"] } }
routes:
  keyed: { match: /keyed/*, respond: { body: "" }, plugins: [api-key] }
`),
    ).toMatchInlineSnapshot(`
      "sluice serves 1 route (0 public) from my.yaml
        gateway  GATEWAY
        admin    ADMIN/  (metrics at /metrics)

      Try:
        curl GATEWAY/keyed/1 -H 'x-api-key: demo-key'
        curl GATEWAY/keyed/1
        curl ADMIN/readyz
      "
    `)
  })

  test('leaves out requests that a path alone does not make', async () => {
    expect(
      await printed(`
routes:
  host: { match: a.example/x, respond: { body: "" }, public: "test" }
  post: { match: POST /x, respond: { body: "" }, public: "test" }
  gold: { match: { paths: [/x], headers: { x-tier: gold } }, respond: { body: "" }, public: "test" }
`),
    ).toMatchInlineSnapshot(`
      "sluice serves 3 routes (3 public) from my.yaml
        gateway  GATEWAY
        admin    ADMIN/  (metrics at /metrics)

      Try:
        curl ADMIN/readyz
      "
    `)
  })
})
