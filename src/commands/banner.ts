/** What `sluice run` prints once it serves: where everything is, and three requests to paste. */
import type { Gateway } from '../gateway.ts'

export function banner(gateway: Gateway, file: string): string {
  const { current, addresses, adminAddress } = gateway
  const admin = `http://${urlHost(adminAddress.host)}:${adminAddress.port}`
  const listeners = [...addresses.values()].map(
    ({ protocol, host, port }) => `${protocol}://${urlHost(reachable(host))}:${port}`,
  )
  const publicRoutes = current.routes.filter((route) => route.public !== undefined).length
  const lines = [
    `sluice serves ${current.routes.length} routes (${publicRoutes} public) from ${file}`,
    `  gateway  ${listeners.join('  ')}`,
    `  admin    ${admin}/  (metrics at /metrics)`,
  ]
  return `${[...lines, '', 'Try:', ...examples(listeners[0]!, file).map((line) => `  ${line}`)].join('\n')}\n`
}

/** The demo's own requests where the demo runs; elsewhere what works with every config. */
function examples(base: string, file: string): string[] {
  if (file !== 'gateway.yaml') return []
  return [`curl ${base}/hello`, `curl ${base}/orders/1 -H 'x-api-key: demo-key'`, `curl ${base}/orders/1`]
}

function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? 'localhost' : host
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
