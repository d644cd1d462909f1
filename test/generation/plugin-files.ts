/** The text of small plugin modules, to be put beside a test's config. */

/** A plugin of our contract. `body` is the function's: it sees `scope`, `Problem` and what `before` imports. */
export function native(body: string, { traits = '{}', before = '' } = {}): string {
  return `
import { Problem } from 'sluice/plugin'
${before}
export const schema = { type: 'object', additionalProperties: false }
export const traits = ${traits}
export default function (scope) {
${body}
}
`
}

/** A plugin that writes what passes it into headers: requests top to bottom, answers bottom to top. */
export function tracer(name: string): string {
  return native(`
  scope.addHook('onRequest', ({ exchange }) => exchange.upstreamRequest.headers.append('x-trace', '${name}'))
  scope.addHook('onSend', (_, reply) => {
    reply.header('x-trace', [reply.getHeader('x-trace'), '${name}'].filter(Boolean).join(' '))
  })
`)
}

/** A Fastify plugin of others, in the form with a callback or the asynchronous one. */
export function foreign(body: string): string {
  return `export default async function (instance, options) {\n${body}\n}\n`
}

/** Routes with one chain of files beside the config, each in a file of its own. */
export function chainOf(
  url: string,
  plugins: Readonly<Record<string, string>>,
  front = '',
): { readonly yaml: string; readonly files: Record<string, string> } {
  const files = Object.fromEntries(Object.entries(plugins).map(([name, text]) => [`${name}.js`, text]))
  const chain = Object.keys(plugins).map((name) => `./${name}.js`)
  return {
    yaml: `${front}\nroutes:\n  all: { match: /*, upstream: "${url}", public: "test", plugins: [${chain.join(', ')}] }\n`,
    files,
  }
}
