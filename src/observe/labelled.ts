/** What is asked of all families of metrics: which values a label has, and that the series of some go. */

/** Series of a family, by key. */
export interface Labelled {
  readonly labels: readonly string[]
  readonly entries: Map<string, { readonly values: readonly string[] }>
}

/** Those that a label has, some of them several times. */
export function* valuesOf({ labels, entries }: Labelled, label: string): Generator<string> {
  const at = labels.indexOf(label)
  if (at !== -1) for (const { values } of entries.values()) yield values[at]!
}

/** Drops the series whose value of `label` is one of `gone`, in steps. */
export function* dropping({ labels, entries }: Labelled, label: string, gone: ReadonlySet<string>): Generator<void> {
  const at = labels.indexOf(label)
  if (at === -1) return
  for (const [key, { values }] of entries) {
    yield
    if (gone.has(values[at]!)) entries.delete(key)
  }
}
