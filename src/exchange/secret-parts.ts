/** Which parts of a request carry secrets: those that the config's plugins name, and those that are called like one. */

const secretHeaders = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']
const secretName = /api-?key|token|secret|passw|signature|credential|^(sig|key|jwt)$/

/** Headers that are secret in every config, lower case. */
export const alwaysSecretHeaders: readonly string[] = secretHeaders

/** `declared` has parts as `header:x-api-key`, `query:key`. */
export function isSecretPart(kind: 'header' | 'query', name: string, declared: ReadonlySet<string>): boolean {
  if (declared.has(`${kind}:${name}`)) return true
  const plain = name.toLowerCase().replaceAll('_', '-')
  return secretName.test(plain) || (kind === 'header' && secretHeaders.includes(plain))
}
