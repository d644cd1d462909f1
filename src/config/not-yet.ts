/** What the config format has a place for and the gateway cannot do yet: refused by name, never silently ignored. */

/** Plugins that are planned. */
export const futurePlugins: ReadonlySet<string> = new Set(['basic-auth', 'compress', 'quota'])

/** Options that are planned, by plugin; with a `value`, that value alone. */
export const futureOptions: readonly { readonly plugin: string; readonly option: string; readonly value?: string }[] = [
  { plugin: 'cache', option: 'staleWhileRevalidate' },
]

export function notYet(name: string): string {
  return `${name.includes('`') || name.includes(' ') ? name : `\`${name}\``} is not supported yet`
}
