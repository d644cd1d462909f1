/**
 * Fields that a trailer section cannot carry (RFC 9110 §6.5.1): whoever merged one into the head would take it for what was decided
 * about before the content came. One list for both directions, as an origin may well mix them up.
 */
import { hopByHop } from './connection-fields.ts'

const forbidden: ReadonlySet<string> = new Set([
  // Framing, and the connection: a second length or end of the message (RFC 9112 §11.2).
  ...hopByHop,
  'content-length',
  'trailer',

  // Routing: it has been chosen where the request goes.
  'forwarded',
  'host',
  'max-forwards',
  'via',

  // Request modifiers, conditions among them: what was to be done is done.
  'cache-control',
  'expect',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'pragma',
  'range',

  // Authentication: it is over.
  'authorization',
  'cookie',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'set-cookie',
  'www-authenticate',

  // Response control data: caches and clients have acted by what the head said.
  'age',
  'date',
  'expires',
  'location',
  'retry-after',
  'vary',
  'warning',

  // Content format: the content has been read.
  'content-encoding',
  'content-location',
  'content-range',
  'content-type',
])

/** `_` counts as `-`: CGI and WSGI origins cannot tell them apart. */
export function isForbiddenTrailer(name: string): boolean {
  return forbidden.has(name.toLowerCase().replaceAll('_', '-'))
}
