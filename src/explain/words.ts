/** The reason codes of the plugins in the box, as people say them. Codes that are not here are shown as their own words. */

type Sentences = Readonly<Record<string, string>>

const general: Sentences = {
  'credentials-missing': 'no credentials were sent',
  'credentials-invalid': 'the credentials are not good',
  assumed: 'taken as proved',
  anonymous: 'nobody, which is allowed',
  'not-simulated': 'runs, not simulated',
  'within-limit': 'within the limit',
  'rate-limited': 'the limit is used up',
  'store-unavailable': 'the store of the counts does not answer',
}

const byPlugin: Readonly<Record<string, Sentences>> = {
  'api-key': {
    'key-known': 'the key is known',
    'key-unknown': 'the key is unknown, or has expired',
    'several-keys': 'more than one key was sent',
  },
  jwt: {
    'token-verified': 'the token is good',
    'token-known': 'the token is good, and was seen before',
    'unknown-key': 'the token is signed by a key that the issuer does not have',
    'claim-unmet': 'the token does not grant enough',
    'keys-not-fetched': "the issuer's keys are not at hand",
  },
  acl: {
    'group-missing': 'the consumer is in none of the groups',
    'consumer-not-listed': 'the consumer is not on the list',
    'scope-missing': 'the token lacks a scope',
  },
  'ip-filter': {
    'not-allowed': 'the address is not on the list of those who may',
    denied: 'the address is on the list of those who may not',
  },
  cache: {
    hit: 'a kept answer',
    'uri-miss': 'nothing is kept for this URL',
    'vary-miss': 'what is kept is for other request headers',
    stale: 'what is kept is too old',
    'stale-if-error': 'a kept answer, because the upstream failed',
    request: 'the request wants no kept answer',
    method: 'only GET and HEAD can be answered from it',
    bypass: 'such requests are not kept',
  },
  headers: { 'request-edited': 'edits the request' },
  metrics: { 'counts-at-the-end': 'counts when all is over' },
  'access-log': { 'logs-at-the-end': 'logs when all is over' },
  cors: { 'no-preflight': 'not a preflight' },
  'body-limit': { counting: 'counts the body as it comes', 'no-body': 'no body' },
}

export function reasonText(plugin: string, reason: string): string {
  const own = Object.hasOwn(byPlugin, plugin) ? byPlugin[plugin]! : general
  const found = [own, general].find((sentences) => Object.hasOwn(sentences, reason))
  return found?.[reason] ?? reason.replaceAll('-', ' ')
}
