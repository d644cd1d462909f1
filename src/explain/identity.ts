/** Who `as` and `claims` say is asking. */
import type { Config, ConsumerConfig } from '../config/config.ts'
import { suggest } from '../config/suggest.ts'
import type { AssumedIdentity, Consumer } from '../exchange/consumer.ts'
import { type DescribedRequest, DescriptionError } from './described-request.ts'

/** Null: the request's own credentials are checked. Throws DescriptionError for a consumer that the config does not have. */
export function assumedIdentity(
  { as, claims }: Pick<DescribedRequest, 'as' | 'claims'>,
  { consumers }: Config,
): AssumedIdentity | null {
  if (as === undefined) return claims === undefined ? null : { consumer: null, claims }
  const found = consumers.find(({ name }) => name === as)
  if (found !== undefined) return { consumer: consumerOf(found, claims), claims: claims ?? {} }
  const near = suggest(
    as,
    consumers.map(({ name }) => name),
  )
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  throw new DescriptionError('as', `there is no consumer "${as}"${hint}`)
}

/** As the credentials that the config knows of it would make it. */
function consumerOf(consumer: ConsumerConfig, claims: DescribedRequest['claims'] = {}): Consumer {
  const { name, groups, keys, jwt, certificates } = consumer
  const rest = { name, groups, scopes: [], claims }
  if (jwt !== undefined && keys.length === 0) return { source: 'jwt', id: `jwt:${jwt.issuer}#${jwt.sub}`, ...rest }
  const source = certificates.length > 0 && keys.length === 0 ? 'mtls' : 'key'
  return { source, id: `${source}:${name}`, ...rest }
}
