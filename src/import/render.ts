/** A draft as the text of a gateway.yaml, its notes as comments. */
import { stringify } from 'yaml'
import type { Draft, DraftRoute } from './draft.ts'

export function render(draft: Draft, from: string): string {
  const { consumers, upstreams, plugins, routes, notes } = draft
  return [
    `# Imported from ${from.replaceAll(/[\r\n]/g, ' ')}. Read the comments: they say what is different now, and what is missing.\n`,
    ...notes.map((note) => comment(note, '')),
    'listen: http://0.0.0.0:8080\n',
    section('consumers', consumers),
    plugins.length === 0 ? '' : `\n${stringify({ plugins }, format)}`,
    section('upstreams', upstreams),
    routes.length === 0 ? '\nroutes: {}\n' : `\nroutes:\n${routes.map(routeText).join('\n')}`,
  ].join('')
}

const format = { lineWidth: 0 }

function section(name: string, values: object): string {
  return Object.keys(values).length === 0 ? '' : `\n${stringify({ [name]: values }, format)}`
}

function routeText(route: DraftRoute): string {
  const { name, match, upstream, rewrite, host, respond, plugins, closed, notes } = route
  const forwarding = {
    upstream,
    ...(rewrite === undefined ? {} : { rewrite }),
    ...(host === undefined ? {} : { host }),
  }
  const value =
    closed === undefined
      ? {
          match,
          ...(respond === undefined ? forwarding : { respond }),
          ...(route.public === undefined ? {} : { public: route.public }),
          ...(plugins.length === 0 ? {} : { plugins }),
        }
      : {
          match,
          respond: { status: 503, body: 'not imported yet' },
          public: 'answers 503 until it is completed by hand',
        }
  const text = stringify({ [name]: value }, format).replaceAll(/^(?=.)/gm, '  ')
  const all = closed === undefined ? notes : [`CLOSED: ${closed}`, ...notes]
  return all.map((note) => comment(note, '  ')).join('') + text
}

function comment(note: string, indent: string): string {
  return `${indent}# ${note.replaceAll(/[\r\n]+/g, ' ')}\n`
}
