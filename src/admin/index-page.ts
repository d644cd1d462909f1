/** The page at `/` of the admin listener: what this is, how it does, and where the rest is. No script. */
import { createHash } from 'node:crypto'
import type { GatewayStatus } from './source.ts'

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem }
dd { margin: 0; overflow-wrap: anywhere }
code { font-family: ui-monospace, monospace }
`

/** Allows nothing but the page's own style. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The whole HTML document. */
export function indexPage(status: GatewayStatus, routes: number, paths: readonly string[]): string {
  const facts = [
    ['Version', `${status.version} on Node ${status.node}`],
    ['Configuration', status.configFile],
    ['Generation', `${status.generation}, ${status.configHash}`],
    ['Last reload', `${status.lastReload.ok ? 'accepted' : 'refused'} at ${status.lastReload.at}`],
    ['Routes', String(routes)],
    ['Running since', status.startedAt],
  ] as const
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sluice admin</title>
<style>${style}</style>
<h1>Sluice</h1>
<p>The admin listener of an API gateway. Traffic goes through its other addresses.</p>
<dl>
${facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join('\n')}
</dl>
<ul>
${paths.map((path) => `<li><a href="${escapeHtml(path)}"><code>${escapeHtml(path)}</code></a></li>`).join('\n')}
</ul>
<p><code>POST /api/reload</code> reads the configuration file now.</p>
</html>
`
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
