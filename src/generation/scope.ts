/** The recording scope: what a plugin of our contract compiles against, once per item, into flat lists of hooks. */
import type { PluginItem } from '../config/config.ts'
import type { Instruments } from '../observe/instruments.ts'
import type {
  ConsumerDirectory,
  CounterStore,
  InFlightStore,
  Log,
  OnRequestHook,
  OnSendBodyHook,
  OnSendHook,
  PluginModule,
  Purges,
  Scope,
  SharedAnswers,
  Siblings,
} from '../plugin.ts'
import type { Carry } from './carry.ts'

/** What every scope of a generation shares. */
export interface Surroundings {
  readonly carry: Carry
  readonly log: Log
  readonly metrics: Instruments
  readonly counters: CounterStore
  readonly inFlight: InFlightStore
  readonly purges: Purges
  readonly siblings: Siblings | null
  /** Connects when it is first asked. */
  readonly answers: () => SharedAnswers | null
  readonly consumers: ConsumerDirectory
  readonly reads: readonly string[]
  readonly secrets: readonly string[]
  readonly folder: string
  /** Of everything above that a plugin may have built something from: equal digest, reusable item. */
  readonly digest: string
}

export interface RecordedHooks {
  readonly onRequest: readonly OnRequestHook[]
  readonly onSend: readonly OnSendHook[]
  readonly onSendBody: readonly OnSendBodyHook[]
  /** Lets go of everything the item carries. */
  close(): void
}

/** Runs the plugin against a recording scope. Throws or rejects with what the plugin threw. */
export function record(
  item: PluginItem,
  module: PluginModule,
  around: Surroundings,
): RecordedHooks | Promise<RecordedHooks> {
  const onRequest: OnRequestHook[] = []
  const onSend: OnSendHook[] = []
  const onSendBody: OnSendBodyHook[] = []
  const closers: (() => void)[] = []
  const { id, mode, optional, belowAuthenticator } = item
  const { log, metrics, counters, inFlight, purges, siblings, consumers, reads, secrets, folder } = around
  const keeps = () => {
    if (module.traits.lazy === true) throw new Error('its traits say `lazy`: it can keep and close nothing')
  }
  const scope: Scope = {
    addHook(name: 'onRequest' | 'onSend', hook: OnRequestHook | OnSendHook | OnSendBodyHook) {
      if (name === 'onRequest') onRequest.push(hook as OnRequestHook)
      else if (name !== 'onSend') throw new Error(`plugins have the hooks onRequest and onSend, not ${String(name)}`)
      else if (hook.length >= 3) onSendBody.push(hook as OnSendBodyHook)
      else onSend.push(hook as OnSendHook)
    },
    carry(key, create) {
      keeps()
      const full = `plugin ${item.plugin.url} ${key}`
      closers.push(releasing(around.carry, full))
      return around.carry.acquire(full, create)
    },
    onClose(listener) {
      keeps()
      closers.push(listener)
    },
    item: { id, mode, optional, belowAuthenticator },
    log,
    metrics,
    counters,
    inFlight,
    purges,
    siblings,
    get answers() {
      return around.answers()
    },
    consumers,
    reads,
    secrets,
    folder,
  }
  const close = closing(closers)
  const failed = (error: unknown): never => {
    close()
    throw error
  }
  const recorded = (): RecordedHooks => ({
    onRequest: asLong(onRequest),
    onSend: asLong(onSend),
    onSendBody: asLong(onSendBody),
    close,
  })
  try {
    const begun = module.default(scope, item.options)
    // Most plugins are ready at once, and 20,000 of them are spared a promise each.
    if (begun === undefined) return recorded()
    const ready = Promise.resolve(begun).then(recorded, failed)
    if (module.traits.lazy !== true) return ready
    ready.catch(() => {})
    throw new Error('its traits say `lazy`: it must be ready at once')
  } catch (error) {
    return failed(error)
  }
}

function releasing(carry: Carry, key: string): () => void {
  return () => carry.release(key)
}

/** Made here, it holds nothing of what a recording needs besides. */
function closing(closers: (() => void)[]): () => void {
  return () => {
    for (const closer of closers.splice(0)) closer()
  }
}

export const none: readonly never[] = Object.freeze([])

/** A list that was pushed into has room for sixteen more, and the scope lives as long as the plugin. */
function asLong<Item>(list: Item[]): readonly Item[] {
  return list.length === 0 ? none : list.splice(0)
}
