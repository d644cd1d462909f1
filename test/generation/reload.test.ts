import { once } from 'node:events'
import { rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { Agent, get as httpGet } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'

const route = (name: string, url: string, extra = '') =>
  `routes:\n  ${name}: { match: /${name}, upstream: "${url}", public: "test"${extra} }\n`

/** Objects that survive reloads. */
async function carried({ gateway }: TestGateway): Promise<number> {
  const [held] = await gateway.ask('carried', null)
  return held!
}

describe('a reload', () => {
  test('serves the new file and drops the old routes, series and all', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(`plugins: [metrics]\n${route('a', origin.url)}`)
    await gateway.fetch('/a')

    const result = await gateway.reload(`plugins: [metrics]\n${route('b', origin.url)}`)

    expect(result).toEqual({ ok: true, generation: 2, changed: true })
    expect((await gateway.fetch('/a')).status).toBe(404)
    expect((await gateway.fetch('/b')).status).toBe(200)
    const metrics = await gateway.metrics()
    expect(metrics).toMatch(/sluice_config_last_reload_successful 1/)
    expect(metrics).toMatch(/sluice_config_reloads_total\{result="success"\} 1/)
    expect(metrics).not.toMatch(/route="a"/)
  })

  test('of a file with mistakes changes nothing and says so everywhere', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(route('a', origin.url))

    const result = await gateway.reload(`${route('a', origin.url)}typo: 1\n`)

    expect(result.ok).toBe(false)
    expect((await gateway.fetch('/a')).status).toBe(200)
    expect(await gateway.metrics()).toMatch(/sluice_config_last_reload_successful 0/)
    const status = await (await fetch(`${gateway.adminUrl}/api/status`)).json()
    expect(status).toMatchObject({ generation: 1, lastReload: { ok: false, diagnostics: [{ code: 'unknown-key' }] } })
    expect(gateway.log.map((line) => line['message'])).toContain('configuration refused')
  })

  test('of an unchanged file swaps nothing', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(route('a', origin.url))

    expect(await gateway.reload(route('a', origin.url))).toEqual({ ok: true, generation: 1, changed: false })
  })

  test('through the admin listener answers 200 or 422 with diagnostics', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(route('a', origin.url))
    await writeFile(join(gateway.folder, 'gateway.yaml'), 'routes: 1\n')

    const refused = await fetch(`${gateway.adminUrl}/api/reload`, { method: 'POST' })

    expect(refused.status).toBe(422)
    expect(await refused.json()).toMatchObject({ diagnostics: [{ severity: 'error' }] })
  })

  test('keeps the connections to an upstream that did not change', async () => {
    await using origin = await startOrigin()
    let connections = 0
    origin.server.on('connection', () => connections++)
    await using gateway = await startGateway(route('a', origin.url))
    await gateway.fetch('/a')

    await gateway.reload(
      `${route('a', origin.url)}  more: { match: /more, upstream: "${origin.url}", public: "test" }\n`,
    )
    await gateway.fetch('/a')

    expect(connections).toBe(1)
  })

  test('keeps the counters of a limit that did not change, and applies a changed maximum to them', async () => {
    await using origin = await startOrigin()
    const limited = (max: number, more = '') =>
      `routes:\n  a: { match: /a, upstream: "${origin.url}", public: "test", plugins: [{ rate-limit: { max: ${max}, window: 1m } }] }\n${more}`
    await using gateway = await startGateway(limited(3))
    await gateway.fetch('/a')
    await gateway.fetch('/a')

    await gateway.reload(limited(3, `  b: { match: /b, upstream: "${origin.url}", public: "test" }\n`))

    expect((await gateway.fetch('/a')).status).toBe(200)
    expect((await gateway.fetch('/a')).status).toBe(429)
    await gateway.reload(limited(6))
    expect((await gateway.fetch('/a')).status).toBe(200)
  })

  test('lets a request finish on the generation it began on', async () => {
    let release: () => void = () => {}
    await using origin = await startOrigin((_request, response) => {
      release = () => response.end('old')
    })
    await using gateway = await startGateway(route('a', origin.url))
    const slow = gateway.fetch('/a')
    await expect.poll(() => origin.requests.length).toBe(1)

    await gateway.reload('routes:\n  b: { match: /b, respond: { status: 200, body: new }, public: "test" }\n')
    const fresh = await (await gateway.fetch('/b')).text()
    release()

    expect(fresh).toBe('new')
    expect(await (await slow).text()).toBe('old')
  })

  test('opens and closes listeners while the others keep their connections', async () => {
    await using origin = await startOrigin()
    const listening = (map: string) => `listen: { ${map} }\n${route('a', origin.url)}`
    await using gateway = await startGateway(listening('one: "http://127.0.0.1:0"'))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const port = gateway.port
    const ask = async () => {
      const request = httpGet({ port, path: '/a', agent })
      const [response] = await once(request, 'response')
      response.resume()
      await once(response, 'end')
      return request.reusedSocket
    }
    await ask()

    await gateway.reload(listening('one: "http://127.0.0.1:0", two: "http://127.0.0.1:0"'))

    expect(await ask()).toBe(true)
    const second = gateway.gateway.addresses.get('two')!
    expect((await fetch(`http://127.0.0.1:${second.port}/a`)).status).toBe(200)
    await gateway.reload(listening('one: "http://127.0.0.1:0"'))
    await expect(fetch(`http://127.0.0.1:${second.port}/a`)).rejects.toThrow()
    agent.destroy()
  })

  test('to an address in use is refused', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(route('a', origin.url))

    const result = await gateway.reload(
      `listen: [http://127.0.0.1:0, http://127.0.0.1:${origin.port}]\n${route('a', origin.url)}`,
    )

    expect(result).toMatchObject({ ok: false, diagnostics: [{ code: 'address-taken' }] })
    expect((await gateway.fetch('/a')).status).toBe(200)
  })

  test('asked for many times at once serves the last file', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(route('r0', origin.url))
    const file = join(gateway.folder, 'gateway.yaml')
    const head = 'listen: http://127.0.0.1:0\nadmin: http://127.0.0.1:0\nshutdown: { delay: 0ms }\n'

    const asked = []
    for (let i = 1; i <= 10; i++) {
      await writeFile(file, head + route(`r${i}`, origin.url))
      asked.push(gateway.gateway.reload())
    }
    await Promise.all(asked)

    expect((await gateway.fetch('/r10')).status).toBe(200)
  })

  test('holds nothing of generations that are gone', async () => {
    await using origin = await startOrigin()
    const config = (i: number) =>
      `plugins: [metrics]\nroutes:\n  a: { match: /a${i}, upstream: "${origin.url}", public: "test", plugins: [{ rate-limit: { max: 5, window: 1m } }, { cache: { ttl: 1s } }] }\n`
    await using gateway = await startGateway(config(0))
    const before = await carried(gateway)

    for (let i = 1; i <= 20; i++) await gateway.reload(config(i))

    await expect.poll(() => carried(gateway)).toBe(before)
  })
})

test('a reload tells apart option values that JSON writes alike', async () => {
  const says = `
export const traits = {}
export const schema = { type: 'object', additionalProperties: false, properties: { v: {} } }
export default function says(scope, { v }) {
  scope.addHook('onSend', (_, reply) => reply.headers.set('x-v', Object.is(v, -0) ? '-0' : String(v)))
}
`
  const config = (v: string) =>
    `routes:\n  a: { match: /a, respond: { status: 200 }, public: "test", plugins: [{ ./says.mjs: { v: ${v} } }] }\n`
  await using gateway = await startGateway(config('.inf'), { files: { 'says.mjs': says } })
  const seen: (string | null)[] = []

  for (const v of ['.nan', '-.inf', 'null', '0', '-0.0']) {
    await gateway.reload(config(v))
    seen.push((await gateway.fetch('/a')).headers.get('x-v'))
  }

  expect(seen).toEqual(['NaN', '-Infinity', 'null', '0', '-0'])
})

describe('a watched file', () => {
  const served = (gateway: { fetch(path: string): Promise<Response> }, path: string) =>
    expect.poll(async () => (await gateway.fetch(path)).status).toBe(200)
  const head = 'listen: http://127.0.0.1:0\nadmin: http://127.0.0.1:0\nshutdown: { delay: 0ms }\n'
  const respond = (name: string) =>
    `${head}routes:\n  ${name}: { match: /${name}, respond: { status: 200 }, public: "test" }\n`

  test('is loaded when it is written in place', async () => {
    await using gateway = await startGateway(respond('a'), { watch: true })

    await writeFile(join(gateway.folder, 'gateway.yaml'), respond('b'))

    await served(gateway, '/b')
  })

  test('is loaded when an editor renames another over it', async () => {
    await using gateway = await startGateway(respond('a'), { watch: true })

    await writeFile(join(gateway.folder, '.swap'), respond('b'))
    await rename(join(gateway.folder, '.swap'), join(gateway.folder, 'gateway.yaml'))

    await served(gateway, '/b')
  })

  test('is loaded when the symlink that leads to it is switched', async () => {
    await using gateway = await startGateway(respond('a'), {
      watch: true,
      files: { 'one.yaml': respond('a'), 'two.yaml': respond('b') },
    })
    const file = join(gateway.folder, 'gateway.yaml')
    await unlink(file)
    await symlink('one.yaml', file)

    await symlink('two.yaml', `${file}.new`)
    await rename(`${file}.new`, file)

    await served(gateway, '/b')
  })

  test('is loaded when it changes while the gateway starts', async () => {
    await using gateway = await startGateway(respond('a'), {
      watch: true,
      whileStarting: (file) => writeFile(file, respond('b')),
    })

    await served(gateway, '/b')
  })

  test('is not loaded again for a change that somebody has had it reloaded for', async () => {
    await using gateway = await startGateway(respond('a'), { watch: true })
    const loads = () => gateway.log.filter((line) => line['message'] === 'configuration loaded').length

    await gateway.reload(respond('b'))
    // For as long as a watch may take to notice.
    await sleep(1300)

    expect(loads()).toBe(2)
    await writeFile(join(gateway.folder, 'gateway.yaml'), respond('c'))
    await served(gateway, '/c')
  })

  test('that becomes empty is a mistake, and the old config serves on', async () => {
    await using gateway = await startGateway(respond('a'), { watch: true })

    await writeFile(join(gateway.folder, 'gateway.yaml'), '')

    await expect.poll(() => gateway.metrics()).toMatch(/sluice_config_last_reload_successful 0/)
    expect((await gateway.fetch('/a')).status).toBe(200)
  })
})

describe('a reload that changes the admin listener', () => {
  test('moves it, and still answers the request that asked for it', async () => {
    await using gateway = await startGateway('routes:\n  a: { match: /a, respond: { status: 200 }, public: "test" }\n')
    const file = join(gateway.folder, 'gateway.yaml')
    const { port } = gateway.gateway.adminAddress
    const config = (admin: string) =>
      `listen: http://127.0.0.1:0\nadmin: ${admin}\nshutdown: { delay: 0ms }\nroutes:\n  a: { match: /a, respond: { status: 200 }, public: "test" }\n`
    await writeFile(file, config(`{ url: "http://127.0.0.1:${port}", token: 0123456789abcdef }`))

    const moved = await fetch(`${gateway.adminUrl}/api/reload`, { method: 'POST' })

    expect(await moved.json()).toMatchObject({ generation: 2, changed: true })
    expect((await fetch(`${gateway.adminUrl}/api/status`)).status).toBe(401)
    const authorized = { headers: { authorization: 'Bearer 0123456789abcdef' } }
    expect((await fetch(`${gateway.adminUrl}/api/status`, authorized)).status).toBe(200)
  })
})

test('a reload that cannot bind what it adds leaves the admin listener, and nothing of its own', async () => {
  await using origin = await startOrigin()
  await using other = await startOrigin()
  const admin = 'admin: { url: http://127.0.0.1:0, token: "a-token-of-16-characters-or-more" }\n'
  const listen = `listen: [http://127.0.0.1:0, http://127.0.0.1:${other.port}]\n`
  await using gateway = await startGateway(route('a', origin.url))
  const held = await carried(gateway)

  expect((await gateway.reload(`${listen}${admin}${route('a', origin.url)}`)).ok).toBe(false)

  expect((await fetch(`${gateway.adminUrl}/api/status`)).status).toBe(200)
  expect((await gateway.fetch('/a')).status).toBe(200)
  expect(await carried(gateway)).toBe(held)
})

test('a reload whose admin address is taken leaves the listeners as they were, and nothing of its own', async () => {
  await using origin = await startOrigin()
  await using other = await startOrigin()
  await using gateway = await startGateway(route('a', origin.url))
  const held = await carried(gateway)
  const { addresses } = gateway.gateway

  const result = await gateway.reload(
    `admin: http://127.0.0.1:${other.port}\nlisten: { main: http://127.0.0.1:0, more: http://127.0.0.1:0 }\n${route('a', origin.url)}`,
  )

  expect(result).toMatchObject({ ok: false, diagnostics: [{ code: 'address-taken' }] })
  expect(gateway.gateway.addresses).toEqual(addresses)
  expect(await carried(gateway)).toBe(held)
  expect((await gateway.fetch('/a')).status).toBe(200)
})
