/** Parts of a config as an operator would write or say them. */
import type { ChainItem, FieldCondition, MatchConfig, RouteAction, UpstreamShare } from '../config/config.ts'

/** `GET,POST api.example.com/orders/* with header x-tier: gold`. */
export function matchText({ on, hosts, paths, methods, headers, query }: MatchConfig): string {
  const where = (hosts ?? ['']).flatMap((host) => paths.map(({ text }) => `${host}${text}`)).join(', ')
  const conditions = [
    ...headers.map((one) => `header ${conditionText(one)}`),
    ...query.map((one) => `query ${conditionText(one)}`),
  ]
  const suffix = conditions.length === 0 ? '' : ` with ${conditions.join(' and ')}`
  return `${methods === null ? '' : `${methods.join(',')} `}${where}${suffix}${on === null ? '' : ` on ${on.join(', ')}`}`
}

function conditionText({ name, test }: FieldCondition): string {
  switch (test.kind) {
    case 'present':
      return name
    case 'any-of':
      return `${name}: ${test.values.join(' or ')}`
    case 'prefix':
      return `${name} starting with ${test.prefix}`
    case 'regex':
      return `${name} matching ${test.source}`
  }
}

/** `api-key`, `rate-limit (observe)`, `any of api-key, jwt`. */
export function itemText(item: ChainItem): string {
  if (item.kind === 'any') return `any of ${item.members.map(itemText).join(', ')}${item.optional ? ' (optional)' : ''}`
  const marks = [...(item.optional ? ['optional'] : []), ...(item.mode === 'observe' ? ['observe'] : [])]
  return marks.length === 0 ? item.plugin.name : `${item.plugin.name} (${marks.join(', ')})`
}

/** Where an item stands: `routes.orders`, `chains.signed-in`, `plugins`. */
export function placeOf(item: ChainItem): string {
  return item.id.replace(/\/[^/]*#[0-9]+$/, '')
}

/** `goes to orders, rewritten to /v1/*`. */
export function actionText(action: RouteAction): string {
  switch (action.kind) {
    case 'forward': {
      const host = typeof action.host === 'string' ? action.host : action.host.name
      const rewrite = action.rewrite === undefined ? '' : `, rewritten to ${action.rewrite}`
      return `goes to ${sharesText(action.upstreams)}${rewrite}${host === 'keep' ? '' : `, with host ${host}`}`
    }
    case 'respond':
      return `is answered with ${action.status}`
    case 'redirect':
      return `is redirected to ${action.location} (${action.status})`
  }
}

function sharesText(shares: readonly UpstreamShare[]): string {
  if (shares.length === 1) return shares[0]!.upstream
  return shares.map(({ upstream, weight }) => `${upstream} (weight ${weight})`).join(', ')
}

/** `3 routes`, `1 route`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
