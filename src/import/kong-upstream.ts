/** A service of Kong's, with the upstream that its host may name, as an upstream. */
import { mapOf, mapsOf, numberOf, type Source, textOf } from './source.ts'

export interface KongUpstream {
  readonly name: string
  readonly value: object
  /** What stands in front of every path: `/v1`, or nothing. */
  readonly path: string
  /** Where an address is none, such as one that a script was to fill in. */
  readonly closed: string | undefined
  readonly notes: readonly string[]
}

export function kongUpstream(service: Source, source: Source): KongUpstream {
  const url = textOf(service['url'])
  const parsed = url !== undefined && URL.canParse(url) ? new URL(url) : null
  const protocol = (parsed?.protocol ?? `${textOf(service['protocol']) ?? 'http'}:`) === 'https:' ? 'https' : 'http'
  const host = parsed?.hostname ?? textOf(service['host']) ?? '127.0.0.1'
  const port =
    parsed === null ? (numberOf(service['port']) ?? 80) : Number(parsed.port || (protocol === 'https' ? 443 : 80))
  const path = (parsed?.pathname ?? textOf(service['path']) ?? '').replace(/\/+$/, '')
  const group = mapsOf(source['upstreams']).find((one) => one['name'] === host)
  const notes: string[] = []
  const targets =
    group === undefined
      ? [{ url: `${protocol}://${bracketed(host)}:${port}` }]
      : targetsOf(group, source).map(({ address, weight }) => ({
          url: `${protocol}://${address}`,
          ...(weight === 100 ? {} : { weight }),
        }))
  if (targets.length === 0) {
    notes.push(`upstream ${host} has no targets: it is asked by name`)
    targets.push({ url: `${protocol}://${bracketed(host)}:${port}` })
  }
  if (mapOf(group?.['healthchecks'])['active'] !== undefined)
    notes.push(`the health checks of ${host} are not imported`)
  if (protocol === 'https' && service['tls_verify'] !== true)
    notes.push('certificates of https targets are verified here')
  const odd = targets.find(({ url: address }) => !/^https?:\/\/[A-Za-z0-9_.:[\]-]+$/.test(address))
  const closed = odd === undefined ? undefined : `its service has no usable address: ${odd.url}`
  const value = { targets: unique(targets), ...balanceOf(group, notes), ...timeoutsOf(service) }
  return { name: nameOf(textOf(service['name']) ?? host), value, path, closed, notes }
}

function targetsOf(group: Source, source: Source) {
  const name = group['name']
  const apart = mapsOf(source['targets']).filter(
    (one) => one['upstream'] === name || mapOf(one['upstream'])['name'] === name,
  )
  return [...mapsOf(group['targets']), ...apart].flatMap((target) => {
    const address = textOf(target['target'])
    if (address === undefined) return []
    const weight = Math.round(numberOf(target['weight']) ?? 100)
    return [{ address: /:[0-9]+$/.test(address) ? address : `${address}:8000`, weight }]
  })
}

function unique<Target extends { readonly url: string }>(targets: readonly Target[]): Target[] {
  return [...new Map(targets.map((target) => [target.url, target])).values()]
}

function balanceOf(group: Source | undefined, notes: string[]): object {
  const algorithm = textOf(group?.['algorithm'])
  if (algorithm === 'least-connections') return { balance: 'least-connections' }
  if (algorithm !== 'consistent-hashing' && textOf(group?.['hash_on']) === undefined) return {}
  const by = textOf(group?.['hash_on'])
  if (by === 'ip' || by === 'consumer' || by === 'path') return { balance: { hash: by } }
  const name = textOf(group?.[`hash_on_${by}`])
  if ((by === 'header' || by === 'cookie') && name !== undefined) return { balance: { hash: `${by}:${name}` } }
  if (by !== undefined && by !== 'none') notes.push(`targets are taken in turn: there is no hash by ${by}`)
  return {}
}

function timeoutsOf(service: Source): object {
  const connect = numberOf(service['connect_timeout'])
  const response = numberOf(service['read_timeout'])
  const timeouts = {
    ...(connect === undefined ? {} : { connect: `${Math.max(1, Math.round(connect))}ms` }),
    ...(response === undefined ? {} : { response: `${Math.max(1, Math.round(response))}ms` }),
  }
  return Object.keys(timeouts).length === 0 ? {} : { timeouts }
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

function nameOf(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[-.]+|[-.]+$/g, '') || 'upstream'
}
