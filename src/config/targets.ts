/** Targets of upstreams: URLs, and how many requests each gets of its upstream's. */
import { normalizePath } from '../exchange/path.ts'
import type { TargetConfig } from './config.ts'
import type { Path } from './document.ts'
import { lowerFirst } from './match.ts'
import type { Reading } from './reading.ts'

/** A target URL: a path may follow, nothing else. Undefined, and reported, when it cannot be one. */
export function readTarget(reading: Reading, text: string, path: Path): TargetConfig | undefined {
  if (text === 'builtin://echo')
    return { url: text, protocol: 'builtin', host: 'echo', port: 0, basePath: '', weight: 1 }
  if (text.startsWith('unix:')) return readSocket(reading, text, path)
  const problem = targetProblem(text)
  if (problem !== null) {
    reading.findings.error('bad-url', reading.document.place(path), problem)
    return undefined
  }
  const { protocol, hostname, port, pathname } = new URL(text)
  const basePath = normalizePath(pathname)
  if (typeof basePath === 'string') {
    reading.findings.error('bad-url', reading.document.place(path), `no request has this path: ${lowerFirst(basePath)}`)
    return undefined
  }
  const kind = protocol === 'https:' ? 'https' : 'http'
  return {
    url: text,
    protocol: kind,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (kind === 'https' ? 443 : 80) : Number(port),
    basePath: basePath.path.replace(/\/+$/, ''),
    weight: 1,
  }
}

/** Of Linux and macOS the smaller: sun_path has 104 bytes, and one ends it. */
const LONGEST_SOCKET_PATH = 103

function readSocket({ document, findings }: Reading, text: string, path: Path): TargetConfig | undefined {
  const socketPath = text.slice('unix:'.length)
  const message =
    !socketPath.startsWith('/') || socketPath.startsWith('//') || socketPath.endsWith('/')
      ? 'a unix: target is the absolute path of a socket, such as unix:/run/search.sock'
      : Buffer.byteLength(socketPath) > LONGEST_SOCKET_PATH
        ? `the path of a socket has at most ${LONGEST_SOCKET_PATH} bytes`
        : null
  if (message === null) {
    return { url: text, protocol: 'unix', host: 'localhost', port: 80, socketPath, basePath: '', weight: 1 }
  }
  findings.error('bad-url', document.place(path), message)
  return undefined
}

/** Never quotes the URL: it may hold a password. */
function targetProblem(text: string): { message: string; suggestion?: string } | null {
  if (/^builtin:/.test(text)) return { message: 'the only embedded origin is builtin://echo' }
  if (!/^https?:\/\//i.test(text)) {
    const suggestion = /^[\w.-]+(:\d+)?(\/|$)/.test(text) ? `write http://${text}` : undefined
    return {
      message: 'a target is a URL that starts with http:// or https://, or unix: and the path of a socket',
      ...(suggestion === undefined ? {} : { suggestion }),
    }
  }
  if (!URL.canParse(text)) return { message: 'this is no URL' }
  const { username, password, port } = new URL(text)
  if (username !== '' || password !== '' || /^[^/]*\/\/[^/?#]*@/.test(text)) {
    return {
      message: 'a target URL has no user name or password',
      suggestion: 'set a header with the plugin `headers`',
    }
  }
  if (text.includes('#')) return { message: 'a target URL has no fragment' }
  if (text.includes('?')) return { message: 'a target URL has no query', suggestion: '`rewrite` can set parameters' }
  if (port === '0') return { message: 'a target has a port from 1 to 65535' }
  if (/[\s\\]/.test(text)) return { message: 'a target URL has no blanks or backslashes' }
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(text)) return { message: 'a target URL has no dot segments' }
  return null
}
