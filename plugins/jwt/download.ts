/** Fetches one key set: bounded in bytes, time and redirects, and never from another host than the one configured. */

const timeoutMs = 5000
const maxBytes = 1024 ** 2
const maxRedirects = 3
const headers = { accept: 'application/jwk-set+json, application/json' }

/** The text of the key set at `url`. Throws Error; its message names no path, query or byte of the answer. */
export async function download(url: URL, limit = timeoutMs): Promise<string> {
  // One deadline over everything: redirects and a body that trickles share it.
  const signal = AbortSignal.timeout(limit)
  let at = url
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await fetch(at, { redirect: 'manual', headers, signal })
    const next = redirectOf(response, at)
    if (next === undefined) return await bodyOf(response)
    await response.body?.cancel()
    at = next
  }
  throw new Error('too many redirects')
}

/** Where the answer sends us: the same host only (a redirect elsewhere would choose our keys), and never from https to http. */
function redirectOf(response: Response, from: URL): URL | undefined {
  const location = response.headers.get('location')
  if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return undefined
  const next = URL.parse(location, from.href)
  const downgraded = from.protocol === 'https:' && next?.protocol !== 'https:'
  if (next === null || next.host !== from.host || downgraded) throw new Error('a redirect leads to another host')
  return next
}

async function bodyOf(response: Response): Promise<string> {
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new Error(`status ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let length = 0
  // Counted after decoding: a small compressed body may be a large text. Leaving the loop cancels the rest.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength
    if (length > maxBytes) throw new Error('more than 1 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
