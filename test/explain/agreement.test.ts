import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Decision } from '../../src/exchange/decision.ts'
import type { DescribedRequest } from '../../src/explain/described-request.ts'
import type { Explanation } from '../../src/explain/explanation.ts'
import type { DryRun } from '../../src/generation/dry-run.ts'
import { openLog } from '../../src/replay/lines.ts'
import { replay } from '../../src/replay/replay.ts'
import { randomOf } from '../fuzz/damage.ts'
import { makeCertificate, type Pair } from '../support/certificate.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { exchange, openWire, type WireOptions } from '../support/wire.ts'
import { type Scenario, scenarios } from './agreement-configs.ts'
import { recordingOrigin } from './agreement-origin.ts'
import { described, type MadeRequest, makeRequest } from './agreement-requests.ts'
import { asExplained, explainedAs, type LogRecord, rehearsedAs, servedAs } from './agreement-verdicts.ts'
import { openRehearsal } from './open.ts'

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex')

test.for(scenarios({ app: hashOf('app-key'), partner: hashOf('partner-key') }))(
  'explaining, serving and replaying agree on every request to $name',
  async (scenario) => {
    await using origin = await recordingOrigin()
    const named = /^name:/m.test(scenario.config) ? scenario.config : `name: edge\n${scenario.config}`
    const yaml = named.replaceAll('ORIGIN', origin.url)
    const { files, pairs } = certificatesOf(scenario)
    const random = randomOf(seedOf(scenario))
    const requests = Array.from({ length: scenario.requests }, () => makeRequest(scenario, random))
    await using gateway = await startGateway(yaml, { files })
    await using rehearsal = await openRehearsal(yaml, { files })

    const rehearsed: DryRun[] = []
    const explained: Explanation[] = []
    const ids: string[] = []
    for (const request of requests) {
      rehearsed.push(await rehearsal.run(described(request)))
      explained.push(await explainedBy(gateway, described(request)))
      ids.push(await send(gateway, request, pairs))
    }
    const log = await logged(gateway, scenario.requests)

    for (const [index, request] of requests.entries()) {
      const received = origin.received.get(ids[index]!)
      const record = log.get(ids[index]!)!
      // Who is taken as known was not asked for what others send.
      const skips = ({ verdict, reason }: Decision) => verdict === 'skip' && reason === 'credentials-missing'
      const decisions = record.decisions.filter((one) => request.certificate === undefined || !skips(one))
      const served = servedAs({ ...record, decisions }, received)
      const live = explainedAs(explained[index]!, asExplained(served).line)
      expect({ request, ...live }).toEqual({ request, ...asExplained(served) })
      if (scenario.remembers) continue
      const offline = rehearsedAs(rehearsed[index]!, served.line)
      expect({ request, ...offline }).toEqual({ request, ...served, headers: received?.headers ?? [] })
    }
    const hits = [...log.values()].filter(({ source }) => source === 'cache').length
    expect(hits > 0).toBe(scenario.remembers === true)
    const { groups } = await replay(openLog(join(gateway.folder, 'access.log')), rehearsal.loaded)
    expect(groups).toEqual([])
  },
)

/** Of the server, and of each consumer who shows one. */
function certificatesOf({ certificates }: Scenario) {
  if (certificates === undefined) return { files: {}, pairs: null }
  const [server, authority] = [makeCertificate('localhost'), makeCertificate('authority')]
  const pairs = new Map(certificates.map((name) => [name, makeCertificate(name, { by: authority })]))
  return { files: { 'server.crt': server.cert, 'server.key': server.key, 'ca.crt': authority.cert }, pairs }
}

async function explainedBy({ adminUrl }: TestGateway, request: DescribedRequest): Promise<Explanation> {
  const headers: Record<string, string[]> = {}
  const raw = request.headers ?? []
  for (let i = 0; i < raw.length; i += 2) {
    headers[raw[i]!] ??= []
    headers[raw[i]!]!.push(raw[i + 1]!)
  }
  const answer = await fetch(`${adminUrl}/api/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...request, headers }),
  })
  return (await answer.json()) as Explanation
}

/** Sends a request; resolves with its id when the answer is here. */
async function send(
  { port }: TestGateway,
  { method, target, version, headers, body, certificate }: MadeRequest,
  pairs: ReadonlyMap<string, Pair> | null,
): Promise<string> {
  let fields = ''
  for (let i = 0; i < headers.length; i += 2) fields += `${headers[i]}: ${headers[i + 1]}\r\n`
  const options = pairs === null ? {} : { tls: { ...(certificate === undefined ? {} : pairs.get(certificate)) } }
  const answer = await ask(port, method, {
    bytes: `${method} ${target} HTTP/${version}\r\n${fields}\r\n${body}`,
    options,
  })
  return /^x-request-id: (.*)$/im.exec(answer)![1]!.trim()
}

/** The final answer, whole: one to HEAD, and a 304, ends with its head, one to Expect may come after a 100. */
async function ask(
  port: number,
  method: string,
  { bytes, options }: { readonly bytes: string; readonly options: WireOptions },
): Promise<string> {
  const expects = bytes.includes('\r\nexpect: 100')
  if (method !== 'HEAD' && !expects) return exchange(port, bytes, options)
  const wire = await openWire(port, options)
  wire.send(bytes)
  const answer = await wire.until(
    expects ? /x-request-id: [\s\S]*\r\n\r\n[\s\S]*(ok|\}\n)$|^HTTP\/1.1 101/ : /\r\n\r\n/,
  )
  wire.close()
  return answer
}

/** The access log by request id, once it is whole. */
async function logged({ folder }: TestGateway, count: number): Promise<Map<string, LogRecord>> {
  for (;;) {
    const text = await readFile(join(folder, 'access.log'), 'utf8').catch(() => '')
    // The last one may be half of a line yet.
    const lines = text.split('\n').slice(0, -1)
    if (lines.length === count) return new Map(lines.map((line) => JSON.parse(line)).map((one) => [one.id, one]))
    await new Promise(setImmediate)
  }
}

function seedOf({ name }: Scenario): number {
  return createHash('sha256').update(name).digest().readUInt32BE()
}
