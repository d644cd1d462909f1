/** Lists of addresses and CIDR ranges, compared by whom they cover. */
import { BlockList, isIP } from 'node:net'

/** Each of the ranges lies within one of the list. */
export function covers(list: readonly unknown[], ranges: readonly unknown[]): boolean {
  const read = list.map((one) => rangeOf(String(one)))
  return ranges.every((one) => {
    const range = rangeOf(String(one))
    return read.some((wide) => isWithin(range, wide))
  })
}

interface Range {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  readonly prefix: number
}

/** Of an entry that was checked when its config was loaded. */
function rangeOf(entry: string): Range {
  const [address = '', prefix] = entry.split('/')
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  return { address, family, prefix: prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix) }
}

function isWithin({ address, family, prefix }: Range, wide: Range): boolean {
  if (family !== wide.family || prefix < wide.prefix) return false
  const list = new BlockList()
  list.addSubnet(wide.address, wide.prefix, family)
  return list.check(address, family)
}
