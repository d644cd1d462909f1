/** Both halves of the WebSocket handshake of RFC 6455 §1.3 as bytes, and an upstream that takes it. */
import { type OriginConnection, type ScriptedOrigin, scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire, type Wire } from '../support/wire.ts'

export const handshake = (path: string, headers = '') =>
  `GET ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${headers}\r\n`

export const accepted =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

/** A tunnel through the gateway at this port, from `/ws`. */
export async function openTunnel(port: number, headers = ''): Promise<Wire> {
  const wire = await openWire(port)
  wire.send(handshake('/ws', headers))
  await wire.until(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n/)
  return wire
}

/** Takes every upgrade, then runs the script. */
export function tunnelOrigin(
  script: (connection: OriginConnection) => Promise<void> | void = () => {},
): Promise<ScriptedOrigin> {
  return scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(accepted)
    await script(connection)
  })
}

/** A config whose one public route goes to this port; `options` are the upstream's. */
export const tunnelConfig = (port: number, options = '{}', rest = '') => `
upstreams: { ws: { targets: ["http://127.0.0.1:${port}"], ${options.replace(/^\{|\}$/g, '')} } }
routes:
  ws: { match: /ws, upstream: ws, public: "test" }
${rest}`
