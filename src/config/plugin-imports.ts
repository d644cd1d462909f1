/** Lets plugins anywhere say `import { Problem } from 'sluice/plugin'`: they get this process's own module, not a copy. */
import { registerHooks } from 'node:module'

const contract = new URL('../plugin.ts', import.meta.url).href

// A second copy of the contract would have a Problem class of its own, and every refusal would look like a crash.
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'sluice/plugin'
      ? { url: contract, format: 'module-typescript', shortCircuit: true }
      : next(specifier, context),
})
