/** Authenticators in a dry run where somebody said who asks: only the check of credentials is left out. */
import type { AssumedIdentity, Consumer } from '../exchange/consumer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Step } from './chain.ts'

type RunHooks = (exchange: Exchange, step: Step) => Promise<void> | undefined

/** Runs an authenticating step for the assumed identity. Where that says nothing to it, as for any request. */
export function assume(exchange: Exchange, step: Step, runHooks: RunHooks): Promise<void> | undefined {
  const assumed = exchange.assumed!
  const decisive = step.members.length === 0 ? step : memberFor(step.members, assumed)
  exchange.running = decisive.running
  if (decisive.assumes || assumed.consumer === null) return runHooks(exchange, decisive)
  const consumer = asProvedTo(decisive, assumed.consumer)
  exchange.authenticate(consumer)
  exchange.decide('pass', 'assumed', { consumer: consumer.id })
  return undefined
}

/** Of `any`: who can read claims for somebody with a token, else whoever comes first and checks such proofs as the consumer has. */
function memberFor(members: readonly Step[], { consumer, claims }: AssumedIdentity): Step {
  const byToken = consumer === null || consumer.source === 'jwt' || Object.keys(claims ?? {}).length > 0
  const fitting = members.filter((member) => member.assumes === byToken)
  const byCertificate = consumer?.source === 'mtls'
  return fitting.find((member) => member.byCertificate === byCertificate) ?? fitting[0] ?? members[0]!
}

/** One consumer may have keys and certificates: what it is known by is what this step looks at. */
function asProvedTo({ byCertificate }: Step, consumer: Consumer): Consumer {
  if (consumer.name === null || (consumer.source === 'mtls') === byCertificate) return consumer
  const source = byCertificate ? 'mtls' : 'key'
  return { ...consumer, source, id: `${source}:${consumer.name}` }
}
