/** Sends a case of the corpora through a gateway to a strict origin and says what did not hold. */
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { type SeenRequest, type StrictOrigin, strictOrigin } from '../fuzz/strict-origin.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Case } from './request-corpus.ts'

export interface Rig extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly origin: StrictOrigin
  /** How often a target was asked of the origin. */
  readonly targets: Map<string, number>
}

export async function startRig(): Promise<Rig> {
  const targets = new Map<string, number>()
  const origin = await strictOrigin((request) => {
    const path =
      request.target
        .split('?')[0]!
        .split('/')
        .find((part) => /^m[0-9]+m/.test(part)) ?? request.target
    targets.set(path, (targets.get(path) ?? 0) + 1)
    return judge(request)
  })
  const gateway = await startGateway(`
limits: { headTimeout: 20s, bodyIdle: 20s }
routes: { all: { match: /*, upstream: "http://127.0.0.1:${origin.port}", public: test } }
`)
  return {
    gateway,
    origin,
    targets,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
    },
  }
}

/** Names that an origin could take for the gateway's own word, however it reads `_`. */
const ours =
  /^(?:x-(?:consumer.*|real-ip|forwarded-(?!for$|proto$|host$).*)|forwarded|proxy(?:-.*)?|keep-alive|te|upgrade|http2-settings|trailer|expect)$/

function judge({ headers }: SeenRequest): string | undefined {
  const values = (name: string) =>
    headers.filter(([one]) => one.replaceAll('_', '-') === name).map(([, value]) => value)
  if (values('x-forwarded-for').join() !== '127.0.0.1') return 'a forged address'
  if (values('x-request-id').length !== 1 || values('via').length !== 1) return 'no id, or no via'
  if (values('content-length').length + values('transfer-encoding').length > 1) return 'framed twice'
  return headers.map(([name]) => name.replaceAll('_', '-')).find((name) => ours.test(name))
}

/** whole: in one piece; pieces: in many, of a few bytes; late: on a connection that Node's server reads already. */
export type Manner = 'whole' | 'pieces' | 'late'

let count = 0

/** What did not hold, or null; and how often the case and the request behind it came to the origin. */
export async function run(rig: Rig, one: Case, manner: Manner): Promise<{ flaw: string | null; served: string }> {
  const [, verdict, bytes] = one
  const mark = `m${++count}m`
  const before = manner === 'late' ? `GET /${mark}before HTTP/1.1\r\nHost: a\r\nTrailer: x\r\n\r\n` : ''
  const behind = `GET /${mark}behind HTTP/1.1\r\nHost: a\r\n\r\n`
  const answer = await send(rig.gateway.port, before + bytes.replaceAll('MARK', mark) + behind, manner)
  const statuses = [...answer.matchAll(/^HTTP\/1\.1 ([2-5][0-9]{2}) /gm)].map(([, status]) => status!)
  // A client that stops in the middle of a request waits for no answers before it.
  if (manner === 'late' && statuses.shift() !== '200') statuses.push('400')
  const asked = rig.targets.get(mark) ?? 0
  const next = rig.targets.get(`${mark}behind`) ?? 0
  return { flaw: flawOf(), served: `${asked} ${next}` }

  function flawOf(): string | null {
    const [first, second] = statuses
    const told = `${statuses.join(' ')}; ${asked} at the origin, ${next} behind`
    if (first === undefined) return `no answer: ${JSON.stringify(answer)}`
    if (asked > 1 || next > 1 || statuses.length > 2) return `asked twice: ${told}`
    if (second === '200' ? next !== 1 : next !== 0) return `answers and requests do not tally: ${told}`
    const refused = /^(?:4|501)/.test(first)
    if (first === '200' ? asked !== 1 : asked !== 0 && verdict !== 'B') return `another's answer: ${told}`
    if (!refused && first !== '200') return `neither refused nor served: ${told}`
    if (verdict === 'R' ? !refused : verdict === 'S' && refused) return `expected ${verdict}: ${told}`
    if (/^HTTP\/1\.1 (?:400|501) .*\r\n(?:.+\r\n)*connection: close\r$/im.test(answer) && next !== 0)
      return `read on behind a doubtful request: ${told}`
    if (
      /^(?:400|501)$/.test(first) &&
      verdict !== 'E' &&
      next !== 0 &&
      !/The path |The query |The request target /.test(answer)
    )
      return `read on behind a doubtful request: ${told}`
    return null
  }
}

/** All that comes back until the gateway closes; our side is closed behind the bytes. */
async function send(port: number, text: string, manner: Manner): Promise<string> {
  const bytes = Buffer.from(text, 'latin1')
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const step = manner === 'pieces' ? Math.max(5, Math.ceil(bytes.length / 100)) : bytes.length
  for (let at = 0; at < bytes.length && socket.writable; at += step) {
    socket.write(bytes.subarray(at, at + step), () => {})
    if (manner === 'pieces') await turn()
  }
  socket.end()
  await closed
  return answer
}
