/** The metrics of the process and of Node, from prom-client: of the main thread, where they are about a thread. */
import { collectDefaultMetrics, Registry } from 'prom-client'

// Gauges that prom-client names like counters: `promtool check metrics` refuses them.
const REFUSED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

export class NodeMetrics {
  readonly #registry = new Registry()

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
    for (const name of REFUSED) this.#registry.removeSingleMetric(name)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }
}
