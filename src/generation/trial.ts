/** Sets up the items that wait for a request, to see whether they can be: the file is refused for them while somebody can be told. */
import type { Config, PluginItem } from '../config/config.ts'
import type { Diagnostic } from '../config/diagnostic.ts'
import type { PluginModule } from '../plugin.ts'
import type { World } from './compile.ts'
import { refusal } from './compile-error.ts'
import { record, type Surroundings } from './scope.ts'
import { surroundings } from './surroundings.ts'
import { type Plugins, traitsOf } from './traits.ts'

export function tryLazyItems({ config, plugins }: { config: Config; plugins: Plugins }, world: World): Diagnostic[] {
  const around = surroundings(config, world, null)
  return config.items.flatMap((item) => {
    const members = item.kind === 'any' ? item.members : [item]
    const lazy = members.filter((one) => traitsOf(one, plugins)?.lazy === true)
    return lazy.flatMap((one) => {
      const error = failureOf(one, plugins.get(one.plugin.url)!.module as PluginModule, around)
      return error === null ? [] : refusal(item, error).diagnostics
    })
  })
}

function failureOf(item: PluginItem, module: PluginModule, around: Surroundings): unknown {
  try {
    const recorded = record(item, module, around)
    if (!(recorded instanceof Promise)) return null
    recorded.catch(() => {})
    return new Error('its traits say `lazy`: it must be ready at once')
  } catch (error) {
    return error
  }
}
