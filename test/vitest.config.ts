import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Plugins that tests put beside a config run through Vite, which knows nothing of the gateway's own module hook.
  resolve: { alias: { 'sluice/plugin': fileURLToPath(new URL('../src/plugin.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    isolate: false,
    // Most tests wait for sockets and clocks: two cores carry three workers.
    maxWorkers: 3,
    testTimeout: 15_000,
    hookTimeout: 15_000,
    typecheck: { enabled: false },
  },
})
