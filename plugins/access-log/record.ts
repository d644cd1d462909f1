/** One exchange as one line of JSON. */
import type { Exchange } from '#gateway'
import type { Redaction } from './redaction.ts'

/** The line, with its newline. */
export function recordLine(exchange: Exchange, redaction: Redaction): string {
  const { facts, consumer, problem, reply, route, upstreamMs } = exchange
  const record = {
    // When the request came: limits are replayed on this clock.
    time: new Date(Date.now() - exchange.durationMs).toISOString(),
    id: facts.id,
    listener: facts.listener.name,
    client: facts.clientAddress,
    method: facts.method,
    scheme: facts.scheme,
    host: facts.host,
    path: facts.path,
    query: redaction.query(facts.query),
    route: route?.name ?? null,
    status: exchange.outcome,
    code: problem?.code ?? null,
    source: reply.source,
    consumer: consumer && { source: consumer.source, name: consumer.name, id: consumer.id },
    upstream: exchange.upstreamName,
    target: exchange.target,
    attempts: exchange.attempts,
    received: exchange.received,
    sent: exchange.sent,
    durationMs: rounded(exchange.durationMs),
    upstreamMs: upstreamMs === null ? null : rounded(upstreamMs),
    overheadMs: rounded(exchange.overheadMs),
    aborted: exchange.aborted,
    trace: traceOf(exchange),
    request: { headers: redaction.headers(exchange), query: redaction.queryParameters(facts.query) },
  }
  return `${JSON.stringify(record).slice(0, -1)},"decisions":${decisionsOf(exchange, redaction)}}\n`
}

function decisionsOf(exchange: Exchange, redaction: Redaction): string {
  return redaction.text(`[${exchange.decisions.map(textOf).join(',')}]`, exchange)
}

/** A plugin's inputs may be anything, also what JSON cannot say; its line must not fail for that. */
function textOf(decision: Exchange['decisions'][number]): string {
  try {
    return JSON.stringify(decision)
  } catch {
    return JSON.stringify({ ...decision, inputs: { unserialisable: true } })
  }
}

/** The trace id that the upstream was told (W3C Trace Context §3.2.2.3). */
function traceOf(exchange: Exchange): string | null {
  if (exchange.attempts === 0) return null
  const parent = exchange.upstreamRequest.headers.get('traceparent')
  return parent === undefined ? null : parent.slice(3, 35)
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
