/** One request before any is counted: a peer that answers something else would be fast for the wrong reason. */
import type { Case } from './cases.ts'

/** Throws when the answer is not what the case is about. */
export async function probe(benchCase: Case, url: string): Promise<void> {
  const answer = await ask(benchCase, url, benchCase.credentials ?? {})
  if (answer.status !== 200) throw new Error(`answered ${answer.status} instead of 200`)
  if (answer.bytes !== benchCase.answerBytes) {
    throw new Error(`answered ${answer.bytes} bytes instead of ${benchCase.answerBytes}`)
  }
  if (benchCase.credentials === undefined) return
  const spoiled = Object.entries(benchCase.credentials).map(([name, value]) => [name, `${value.slice(0, -8)}spoiled0`])
  for (const headers of [{}, Object.fromEntries(spoiled)]) {
    const refused = await ask(benchCase, url, headers)
    if (refused.status !== 401) throw new Error(`answered ${refused.status} instead of 401 to wrong credentials`)
  }
}

async function ask(benchCase: Case, url: string, headers: Record<string, string>) {
  const upload = benchCase.uploadBytes
  const response = await fetch(url, {
    headers: { ...headers, connection: 'close' },
    signal: AbortSignal.timeout(20_000),
    ...(upload === undefined ? {} : { method: 'POST', body: 'x'.repeat(upload) }),
  })
  let bytes = 0
  if (response.body !== null) for await (const chunk of response.body) bytes += chunk.byteLength
  return { status: response.status, bytes }
}
