/** The plugins that a config names, as modules of this thread. */
import type { Diagnostic } from '../config/diagnostic.ts'
import type { PluginUse } from '../config/outline.ts'
import type { LoadedPlugin, PluginCatalog } from '../config/plugin-catalog.ts'
import { CompileError } from '../generation/compile-error.ts'

/** By `PluginRef.url`. Throws CompileError where a file is not what it was when the config was checked. */
export async function pluginModules(
  uses: readonly PluginUse[],
  catalog: PluginCatalog,
): Promise<Map<string, LoadedPlugin>> {
  const plugins = new Map<string, LoadedPlugin>()
  const diagnostics: Diagnostic[] = []
  for (const { plugin, at, path } of uses) {
    const found = await catalog.load(plugin)
    if ('code' in found) diagnostics.push({ ...found, severity: 'error', at, path })
    else plugins.set(plugin.url, found.plugin)
  }
  if (diagnostics.length > 0) throw new CompileError(diagnostics)
  return plugins
}
