/** Drives wrk: writes its script, starts it on the loader's core, reads the numbers its `done` hook prints. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.ts'
import { loaderCore } from './cores.ts'

export interface LoadRequest {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly headers?: Readonly<Record<string, string>>
  /** Makes each request a POST of so many bytes. */
  readonly uploadBytes?: number
  /** Each connection waits for so long before it asks again: a load of its own pace, not of the gateway's. */
  readonly pauseMs?: number
}

export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  /** Bytes read, heads included; counts answers that were under way at the end too. */
  readonly bytes: number
  /** Answers with 4xx or 5xx. */
  readonly statusErrors: number
  /** Connections refused, reset, or closed in the middle, and answers that took longer than 10 s. */
  readonly socketErrors: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

/** Disposing of it ends it, whatever has happened to its result. */
export interface Load extends AsyncDisposable {
  readonly result: Promise<LoadResult>
  /** Ends the load early; the result then covers the time until now. */
  stop(): void
}

const marker = 'sluice-bench '
const answerWithin = '10s'
const overtimeSeconds = 20

/** Starts the load; `folder` takes the script. */
export async function startLoad(folder: string, request: LoadRequest): Promise<Load> {
  const script = join(folder, 'load.lua')
  await writeFile(script, luaScript(request))
  const child = new Child(
    loaderCore,
    'wrk',
    [
      '--threads=1',
      `--connections=${request.connections}`,
      `--duration=${request.seconds}s`,
      `--timeout=${answerWithin}`,
      '--latency',
      `--script=${script}`,
      request.url,
    ],
    folder,
  )
  const result = untilDone(child, request.seconds)
  // Whoever gives up before the end no longer looks at the result; that must not end the process.
  result.catch(() => {})
  return {
    result,
    stop: () => {
      if (!child.gone) process.kill(child.pid, 'SIGINT')
    },
    [Symbol.asyncDispose]: () => child.stop(),
  }
}

export async function runLoad(folder: string, request: LoadRequest): Promise<LoadResult> {
  await using load = await startLoad(folder, request)
  return await load.result
}

async function untilDone(child: Child, seconds: number): Promise<LoadResult> {
  const limit = (seconds + overtimeSeconds) * 1000
  await Promise.race([child.exited, sleep(limit, undefined, { ref: false })])
  if (!child.gone) {
    await child.stop()
    throw new Error(`wrk did not end ${overtimeSeconds} s after its time.`)
  }
  const line = child.output.split('\n').find((text) => text.startsWith(marker))
  if (line === undefined) throw new Error(`wrk gave no result: ${child.output}`)
  return JSON.parse(line.slice(marker.length))
}

// The hook's numbers are exact where wrk's own report rounds them to three digits with a unit.
function luaScript(request: LoadRequest): string {
  const headers = Object.entries(request.headers ?? {}).map(([name, value]) => `wrk.headers["${name}"] = "${value}"\n`)
  const body =
    request.uploadBytes === undefined ? '' : `wrk.method = "POST"\nwrk.body = string.rep("x", ${request.uploadBytes})\n`
  const pause = request.pauseMs === undefined ? '' : `function delay() return ${request.pauseMs} end\n`
  return `${headers.join('')}${body}${pause}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n${marker}{"requests":%d,"seconds":%.6f,"bytes":%.0f,"statusErrors":%d,"socketErrors":%d,"p50Us":%d,"p99Us":%d,"maxUs":%d}\\n',
    summary.requests, summary.duration / 1e6, summary.bytes, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
`
}
