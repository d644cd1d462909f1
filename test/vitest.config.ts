import { setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// As in bin/sluice.js, for this process, its forks and the threads that tests start: nothing is parsed that was before.
// As low as processes that read large files: on a machine full of tests they would be the last.
setPriority(5)
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../node_modules/.cache/sluice', import.meta.url))

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    isolate: false,
    // Node loads them as it loads the gateway: with its own cache, and nothing between one module and the next.
    experimental: { viteModuleRunner: false },
    // Most tests wait for sockets and clocks: two cores carry four workers.
    maxWorkers: 4,
    // What hangs is found out; how fast things are is no matter of these, on a machine that others use too: there it takes tens of
    // seconds to read a large file.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000, interval: 20 } },
    typecheck: { enabled: false },
  },
})
