/** The WebSocket handshake as RFC 6455 §4 has it: whether an upstream's 101 is one, and the head that the client is sent. */
import { hash } from 'node:crypto'
import { isFieldValue, isToken, valuesOf } from '../exchange/headers.ts'
import { isOfConnection } from './hop-by-hop.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What is wrong with the fields of a 101 for a request with this key; null when it is what was asked for (RFC 6455 §4.1). */
export function handshakeFlaw(fields: readonly string[], key: string): string | null {
  const protocols = listOf(fields, 'upgrade')
  if (protocols.length !== 1 || protocols[0]!.toLowerCase() !== 'websocket') return 'it names another protocol'
  if (!listOf(fields, 'connection').some((option) => option.toLowerCase() === 'upgrade')) {
    return 'its Connection field does not name Upgrade'
  }
  const accepted = valuesOf(fields, 'sec-websocket-accept')
  if (accepted.length !== 1 || accepted[0] !== hash('sha1', key + GUID, 'base64')) {
    return 'its Sec-WebSocket-Accept does not answer the key'
  }
  return null
}

/** The head that takes a client over to its WebSocket. Throws TypeError on a field that HTTP does not know. */
export function switchingHead(fields: readonly string[]): string {
  let head = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n'
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (isOfConnection(name.toLowerCase())) continue
    if (!isToken(name) || !isFieldValue(value)) throw new TypeError('a field of the answer is not valid')
    head += `${name}: ${value}\r\n`
  }
  return `${head}\r\n`
}

function listOf(fields: readonly string[], name: string): string[] {
  return valuesOf(fields, name)
    .flatMap((value) => value.split(','))
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
