/** Data with every text in it passed through a function: secrets of the config are shown as their placeholders. */

export function concealed<Value>(value: Value, conceal: (text: string) => string): Value {
  return walk(value, conceal) as Value
}

function walk(value: unknown, conceal: (text: string) => string): unknown {
  if (typeof value === 'string') return conceal(value)
  if (Array.isArray(value)) return value.map((one) => walk(one, conceal))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, walk(one, conceal)]))
}
