/** The plugins that a config names, as modules of this thread. */
import type { Config, PluginItem } from '../config/config.ts'
import type { Diagnostic } from '../config/diagnostic.ts'
import type { LoadedPlugin, PluginCatalog } from '../config/plugin-catalog.ts'
import { CompileError } from '../generation/compile-error.ts'
import { pluginItems } from '../generation/declared.ts'
import { inPieces } from '../pace.ts'

/** By `PluginRef.url`. Throws CompileError where a file is not what it was when the config was checked. */
export async function pluginModules(config: Config, catalog: PluginCatalog): Promise<Map<string, LoadedPlugin>> {
  const plugins = new Map<string, LoadedPlugin>()
  const diagnostics: Diagnostic[] = []
  const first = new Map<string, PluginItem>()
  await inPieces(await pluginItems(config), (item) => {
    if (!first.has(item.plugin.url)) first.set(item.plugin.url, item)
  })
  for (const { plugin, at, id } of first.values()) {
    const found = await catalog.load(plugin)
    if ('code' in found) diagnostics.push({ ...found, severity: 'error', at, path: id })
    else plugins.set(plugin.url, found.plugin)
  }
  if (diagnostics.length > 0) throw new CompileError(diagnostics)
  return plugins
}
