#!/usr/bin/env node
// Plain JavaScript, so that an older Node can say so in one line instead of failing on TypeScript.
const MINIMUM_NODE = 24
if (Number(process.versions.node.split('.')[0]) < MINIMUM_NODE) {
  console.error(`sluice needs Node ${MINIMUM_NODE} or later; this is ${process.version}.`)
  process.exit(1)
}
const { enableCompileCache } = await import('node:module')
const { fileURLToPath } = await import('node:url')
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/sluice', import.meta.url)))
await import('../src/main.ts')
