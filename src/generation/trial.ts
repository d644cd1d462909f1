/** Sets up the items that wait for a request, to see whether they can be: the file is refused for them while somebody can be told. */
import type { Config } from '../config/config.ts'
import type { Diagnostic } from '../config/diagnostic.ts'
import { membersOf } from '../config/members.ts'
import type { PluginModule } from '../plugin.ts'
import type { World } from './compile.ts'
import { refusal } from './compile-error.ts'
import { record } from './scope.ts'
import { surroundings } from './surroundings.ts'
import { type Plugins, traitsOf } from './traits.ts'

export function tryLazyItems({ config, plugins }: { config: Config; plugins: Plugins }, world: World): Diagnostic[] {
  const around = surroundings(config, world, null)
  return config.items.flatMap((item) => {
    const lazy = membersOf(item).filter((one) => traitsOf(one, plugins)?.lazy === true)
    return lazy.flatMap((one) => {
      try {
        record(one, plugins.get(one.plugin.url)!.module as PluginModule, around)
        return []
      } catch (error) {
        return refusal(item, error).diagnostics
      }
    })
  })
}
