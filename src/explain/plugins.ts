/** The plugins of a chain in order, with what each decided about a request, or that it was never asked. */
import type { Decision } from '../exchange/decision.ts'
import type { Step } from '../generation/chain.ts'
import type { DryRun } from '../generation/dry-run.ts'

export interface ExplainedPlugin {
  readonly plugin: string
  /** Which item of the file it is: `routes.orders/rate-limit#1`. */
  readonly item: string
  /** `pass` without a reason: it ran, and says nothing about itself. */
  readonly verdict: 'pass' | 'refuse' | 'answer' | 'skip' | 'not-reached'
  readonly reason: string | null
  /** `observe`: what it decided changed nothing. */
  readonly mode: 'enforce' | 'observe'
  readonly inputs: Readonly<Record<string, unknown>>
}

export function explainedPlugins({ exchange, chain }: DryRun): ExplainedPlugin[] {
  return chain.steps.flatMap((step, index) => {
    const items = [step, ...step.members].map(({ running }) => running.id)
    const decided = exchange.decisions.filter(({ item }) => items.includes(item))
    if (index > exchange.reached) return [silent(step, 'not-reached')]
    return decided.length === 0 ? [silent(step, 'pass')] : decided.map(explained)
  })
}

function explained({ plugin, item, verdict, reason, mode, inputs }: Decision): ExplainedPlugin {
  return { plugin, item, verdict, reason, mode, inputs }
}

function silent({ running }: Step, verdict: 'pass' | 'not-reached'): ExplainedPlugin {
  const { plugin, id, observing } = running
  return { plugin, item: id, verdict, reason: null, mode: observing ? 'observe' : 'enforce', inputs: {} }
}
