/** A name server on a free port of the loopback: answers A and AAAA from a table that a test may change at any time. */
import { createSocket } from 'node:dgram'
import { isIPv4 } from 'node:net'

export interface DnsServer extends AsyncDisposable {
  /** For `dns: { servers: […] }`. */
  readonly address: string
  /** Addresses by name. A name that is not in it does not exist. */
  readonly names: Map<string, readonly string[]>
  /** Seconds that answers say they live. */
  ttl: number
  /** Questions are counted and not answered. */
  silent: boolean
  /** `A orders.test`, in order. */
  readonly questions: string[]
}

const A = 1
const AAAA = 28
const NXDOMAIN = 3

export async function startDns(names: Readonly<Record<string, readonly string[]>>): Promise<DnsServer> {
  const socket = createSocket('udp4')
  const server = {
    address: '',
    names: new Map(Object.entries(names)),
    ttl: 60,
    silent: false,
    questions: [] as string[],
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => socket.close(() => resolve()))
    },
  }
  socket.on('message', (query, peer) => {
    const { name, type, end } = questionOf(query)
    server.questions.push(`${type === A ? 'A' : type === AAAA ? 'AAAA' : type} ${name}`)
    if (server.silent) return
    const addresses = server.names.get(name)
    const records = (addresses ?? []).filter((address) => isIPv4(address) === (type === A))
    socket.send(
      answer(query.subarray(0, end), { records, ttl: server.ttl, exists: addresses !== undefined }),
      peer.port,
    )
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  server.address = `127.0.0.1:${socket.address().port}`
  return server
}

/** RFC 1035 §4.1.2: labels with their lengths, then type and class. */
function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** RFC 1035 §4.1: the header and question of the query, and the records with a pointer to the name in it. */
function answer(
  query: Buffer,
  { records, ttl, exists }: { records: readonly string[]; ttl: number; exists: boolean },
): Buffer {
  const head = Buffer.from(query)
  head.writeUInt16BE(0x8180 | (exists ? 0 : NXDOMAIN), 2)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt32BE(0, 8)
  return Buffer.concat([head, ...records.map((address) => record(address, ttl))])
}

function record(address: string, ttl: number): Buffer {
  const bytes = isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : sixteenBytes(address)
  const fixed = Buffer.from([0xc0, 0x0c, 0, bytes.length === 4 ? A : AAAA, 0, 1, 0, 0, 0, 0, 0, bytes.length])
  fixed.writeUInt32BE(ttl, 6)
  return Buffer.concat([fixed, bytes])
}

function sixteenBytes(address: string): Buffer {
  const [before = '', after = ''] = address.split('::')
  const groups = (text: string) => text.split(':').filter((group) => group !== '')
  const missing = 8 - groups(before).length - groups(after).length
  const all = [...groups(before), ...Array<string>(missing).fill('0'), ...groups(after)]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
