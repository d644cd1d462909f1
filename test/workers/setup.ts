/** Gateways with two workers, and what their tests ask of them. */

import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { enableCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'

// A worker then loads in a third of the time.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/sluice', import.meta.url)))

export function startTwo(yaml: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  return startGateway(yaml, { threads: 2, ...options })
}

/** One request on a connection of its own, so that any worker may get it; the status, or why there is none. */
export function once(url: string): Promise<number | string> {
  return new Promise((resolve) => {
    const request = httpRequest(
      url,
      { agent: false, headers: { connection: 'close' } },
      (response: IncomingMessage) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode!))
        response.on('error', (error) => resolve(String(error)))
      },
    )
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? String(error)))
    request.end()
  })
}

const PACE_MS = 5

export interface Load {
  /** Answers so far, by status or failure. */
  readonly results: ReadonlyMap<number | string, number>
  /** Resolves when all clients have had their last answer. */
  stop(): Promise<void>
}

/** Clients that ask one after the other, at a pace that leaves the machine to the workers; half of them on kept connections. */
export function startLoad(url: string, clients: number): Load {
  const results = new Map<number | string, number>()
  let stopped = false
  const count = (result: number | string) => results.set(result, (results.get(result) ?? 0) + 1)
  const running = Array.from({ length: clients }, async (_, index) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (!stopped) {
      count(index % 2 === 0 ? await kept(url, agent) : await once(url))
      await sleep(PACE_MS)
    }
    agent.destroy()
  })
  return {
    results,
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

function kept(url: string, agent: Agent): Promise<number | string> {
  return new Promise((resolve) => {
    const request = httpRequest(url, { agent }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode!))
      response.on('error', (error) => resolve(String(error)))
    })
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? String(error)))
    request.end()
  })
}

interface Status {
  readonly threads: number
  readonly generation: number
  readonly workers: readonly { readonly id: number; readonly generation: number; readonly requests: number }[]
}

export async function status({ adminUrl }: TestGateway): Promise<Status> {
  return (await fetch(`${adminUrl}/api/status`)).json() as Promise<Status>
}

export async function isReady({ adminUrl }: TestGateway): Promise<boolean> {
  return (await fetch(`${adminUrl}/readyz`)).ok
}

/** A sample of the exposition; 0 where it is not there. */
export async function metric(gateway: TestGateway, series: string): Promise<number> {
  const line = (await gateway.metrics()).split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? 0 : Number(line.slice(series.length + 1))
}
