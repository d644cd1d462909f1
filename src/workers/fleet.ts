/** Several workers that serve as one: changed in two steps, so that either all serve a new config or none does. */
import { randomUUID } from 'node:crypto'
import { getCompileCacheDir } from 'node:module'
import { packConfig, sharedPack } from '../config/packed.ts'
import { sharedPlaces } from '../config/parts.ts'
import { nothingWaits } from '../config/waiting.ts'
import { addressKey } from '../listener/listener-set.ts'
import type { CounterSeries } from '../observe/instruments.ts'
import { LineSink } from '../observe/line-sink.ts'
import type { LineDestination, LogLevel } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Log } from '../plugin.ts'
import type { Addresses, Commands, Order, Questions, Server, WorkerStatus } from '../serving/server.ts'
import { SharedCounters } from '../state/shared-counters.ts'
import { SharedInFlight, type SharedInFlightHandle } from '../state/shared-in-flight.ts'
import { claimPorts, type Ports } from './claim.ts'
import type { Calls, CommandMessage, Note, QuestionMessage } from './messages.ts'
import { Slot } from './slot.ts'
import { Spare } from './spare.ts'
import { TargetNotices } from './target-notices.ts'
import { READING_MS, Vitals } from './vitals.ts'
import { TimeoutError, within } from './within.ts'
import { type WorkerBounds, WorkerEnded, WorkerHandle } from './worker-handle.ts'

/** How long a worker that does not answer holds a question up. */
const ANSWER_MS = 15_000
/** How long workers may take to say that they drain. */
const DRAIN_MS = 2000
/** How long after its deadline a worker may take to close before it is ended. */
const GRACE_MS = 1000
/** A worker that takes longer than this to take a config over is stuck, and ended. */
const PREPARE_MS = 60_000

export interface FleetParts extends WorkerBounds {
  readonly threads: number
  readonly name: string
  /** From which the keys of TLS session tickets are made. */
  readonly ticketSecret: Uint8Array
  readonly log: Log
  /** Of the log lines that workers write. */
  readonly level: LogLevel
  /** Takes the log lines of workers. */
  readonly lines: LineDestination
  readonly metrics: Metrics
}

/** A config for the workers to serve. */
interface Offer {
  readonly order: Order
  readonly ports: Ports
}

interface Prepared extends Offer {
  /** Those that have prepared it; a thread that takes the place of one of them has not. */
  readonly prepared: readonly { readonly slot: Slot; readonly handle: WorkerHandle }[]
}

export class Fleet implements Server {
  readonly #parts: FleetParts
  readonly #metrics: Metrics
  readonly #restarts: CounterSeries
  readonly #hangs: CounterSeries
  readonly #vitals: Vitals
  readonly #output: { readonly stdout: LineSink; readonly stderr: LineSink }
  readonly #notices = new TargetNotices()
  readonly #inFlight: SharedInFlightHandle
  #slots: readonly Slot[] = []
  #spare: Spare | null = null
  #prepared: Prepared | null = null
  #current: Prepared | null = null
  /** The generation that everyone was seen to serve. */
  #served = 0
  #drainedMs = 0

  constructor(parts: FleetParts) {
    this.#parts = parts
    this.#metrics = parts.metrics
    this.#inFlight = SharedInFlight.allocate(parts.threads)
    this.#restarts = parts.metrics.counter('worker_restarts_total', 'Workers that ended and were replaced.').series()
    this.#hangs = parts.metrics.counter('worker_hangs_total', 'Workers that were ended because they hung.').series()
    this.#vitals = new Vitals(parts.metrics)
    this.#output = { stdout: new LineSink('stdout', silent), stderr: new LineSink('stderr', silent) }
  }

  async prepare(order: Order): Promise<void> {
    const known = this.#current?.ports ?? new Map<string, number>()
    const ports = await claimPorts(order, known)
    if (this.#slots.length === 0) await this.#start()
    try {
      await this.#prepare({ order, ports })
    } catch (error) {
      if (!(error instanceof WorkerEnded)) throw error
      // Perhaps it had reasons of its own: a thread that the config ends is ended by it again.
      await Promise.all(this.#slots.map(({ settled }) => settled))
      if (this.#slots.some(({ handle }) => handle === null)) throw error
      await this.#prepare({ order, ports })
    }
  }

  async #prepare(offer: Offer): Promise<void> {
    // Who is about to serve the present config follows after the swap.
    const served = this.#current?.order.number ?? 0
    const prepared = this.#slots.flatMap((slot) => {
      const { handle, generation } = slot
      return handle === null || generation !== served ? [] : { slot, handle }
    })
    this.#prepared = { ...offer, prepared }
    const message = prepareMessage(offer, this.#current)
    const results = await Promise.allSettled(prepared.map(({ handle }) => prepareOn(handle, message)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed === undefined) return
    await this.abandon()
    throw failed.reason
  }

  async #start(): Promise<void> {
    const { threads, name, ticketSecret, log, level } = this.#parts
    const wrote = (stream: 'stdout' | 'stderr', text: string) => this.#output[stream].write(text)
    const shared = { counters: SharedCounters.allocate(), inFlight: this.#inFlight, family: randomUUID() }
    const birth = { name, ticketSecret, level, compileCache: getCompileCacheDir(), ...shared }
    // Nobody is told of one that has no place yet: it is made anew where it is needed and gone.
    const placeless = { noted() {}, wrote, hangs() {}, cannotEnd() {} }
    this.#spare = new Spare(() => new WorkerHandle(birth, this.#parts, placeless))
    const nextThread = () => this.#spare!.take()
    const events = {
      noted: (slot: Slot, note: Note) => this.#noted(slot, note),
      wrote,
      started: (slot: Slot) => this.#bringUpToDate(slot),
      hung: () => this.#hangs.inc(),
      lost: (slot: Slot) => this.#lost(slot),
    }
    this.#slots = Array.from({ length: threads }, (_, index) => {
      const place = { id: index + 1, share: { index, of: threads } }
      return new Slot({ place, nextThread, log }, events)
    })
    await Promise.all(this.#slots.map(({ settled }) => settled))
    if (this.#slots.some(({ handle }) => handle === null)) throw new Error('a worker cannot start')
  }

  /** Has a thread that began, or missed a reload, serve what the others do. */
  async #bringUpToDate(slot: Slot): Promise<void> {
    while (this.#current !== null && slot.generation !== this.#current.order.number) {
      const { handle } = slot
      if (handle === null) return
      const current: Prepared = this.#current
      await prepareOn(handle, prepareMessage(current, null))
      await handle.call('commit', null)
      for (const command of this.#notices.all()) {
        await handle.call('tell', { name: 'target-state', command })
      }
      slot.generation = current.order.number
    }
  }

  async commit(): Promise<void> {
    const { order, prepared } = this.#prepared!
    this.#current = this.#prepared
    this.#prepared = null
    const committed = prepared.map(async ({ slot, handle }) => {
      await handle.call('commit', null)
      if (slot.handle === handle) slot.generation = order.number
    })
    // Who ends in the middle of it begins again with the new config.
    await Promise.allSettled(committed)
    await Promise.allSettled(this.#slots.map((slot) => slot.settled.then(() => this.#bringUpToDate(slot))))
    this.#served = order.number
    this.#notices.retain(order.config)
    this.#dropSeries()
  }

  async abandon(): Promise<void> {
    const { prepared = [] } = this.#prepared ?? {}
    this.#prepared = null
    await Promise.allSettled(prepared.map(({ handle }) => handle.call('abandon', null)))
  }

  async tell<Name extends keyof Commands>(name: Name, command: Commands[Name]): Promise<void> {
    if (name === 'target-state') this.#notices.set(command)
    const takes: CommandMessage = { name, command }
    // A worker that is not there now is told when it starts.
    await Promise.allSettled(this.#slots.map(({ handle }) => handle?.call('tell', takes)))
  }

  ask<Name extends keyof Questions>(
    name: Name,
    question: Questions[Name]['takes'],
  ): Promise<Questions[Name]['answer'][]> {
    return this.#ask(name, question, ANSWER_MS)
  }

  async #ask<Name extends keyof Questions>(
    name: Name,
    question: Questions[Name]['takes'],
    ms: number,
  ): Promise<Questions[Name]['answer'][]> {
    const takes = { name, question } as QuestionMessage
    const handles = this.#slots.flatMap(({ handle }) => handle ?? [])
    const answers = await Promise.allSettled(handles.map((handle) => within(ms, handle.call('ask', takes))))
    return answers.flatMap((answer) =>
      answer.status === 'fulfilled' ? [answer.value as Questions[Name]['answer']] : [],
    )
  }

  async refresh(): Promise<void> {
    const [readings] = await Promise.all([this.#ask('gauges', null, READING_MS), this.#vitals.refresh(this.#slots)])
    this.#metrics.receive(readings.flat())
  }

  #noted({ id }: Slot, note: Note): void {
    if (note.note === 'log') this.#parts.lines.write(note.line)
    else if (note.note === 'series') this.#metrics.adopt(id, note.announcement)
    // A request that ended on an old generation may have begun a series of a route that is gone.
    else if (note.note === 'retired') this.#dropSeries()
  }

  #lost({ id }: Slot): void {
    // What the thread had let in has ended with it.
    SharedInFlight.clear(this.#inFlight, id - 1)
    this.#restarts.inc()
    this.#metrics.release(id)
  }

  #dropSeries(): void {
    if (this.#current === null) return
    const { routes, upstreams } = this.#current.order.config
    this.#metrics.retain('route', routes)
    this.#metrics.retain('upstream', upstreams)
  }

  get addresses(): Addresses {
    const { order, ports } = this.#current!
    const bound = order.config.listeners.map((listener) => {
      const { name, protocol, host } = listener
      return [name, { protocol, host, port: ports.get(addressKey(listener))! }] as const
    })
    return new Map(bound)
  }

  get workers(): readonly WorkerStatus[] {
    return this.#slots.map(({ id, generation, requests }) => ({ id, generation, requests }))
  }

  get isCurrent(): boolean {
    return this.#served > 0 && this.#slots.every(({ generation }) => generation >= this.#served)
  }

  get isStuck(): boolean {
    return this.#slots.some((slot) => slot.isStuck)
  }

  async drain(): Promise<void> {
    for (const slot of this.#slots) slot.leave()
    const start = performance.now()
    await within(DRAIN_MS, this.#all('drain', null)).catch(() => {})
    this.#drainedMs = performance.now() - start
  }

  async close(deadlineMs: number): Promise<void> {
    for (const slot of this.#slots) slot.leave()
    const leftMs = Math.max(0, deadlineMs - this.#drainedMs)
    await within(leftMs + GRACE_MS, this.#all('close', leftMs)).catch(() => {})
  }

  async end(): Promise<void> {
    for (const slot of this.#slots) slot.leave()
    await Promise.all([this.#spare?.end(), ...this.#slots.map(({ handle }) => handle && endOf(handle))])
    await Promise.all([this.#output.stdout.close(), this.#output.stderr.close()])
  }

  async #all<Name extends keyof Calls>(call: Name, takes: Calls[Name]['takes']): Promise<void> {
    await Promise.allSettled(this.#slots.map(({ handle }) => handle?.call(call, takes)))
  }
}

// What cannot be written has nobody left to be told.
const silent = { dropped(): void {}, failed(): void {}, recovered(): void {} }

/** `served`: what the worker serves already; null: nothing, or something older. */
function prepareMessage({ order, ports }: Offer, served: Offer | null): Calls['prepare']['takes'] {
  const { config, ...rest } = order
  const places = sharedPlaces(config, served?.order.config ?? null)
  const packed = sharedPack(packConfig(config, { places, waiting: nothingWaits }))
  return { ...rest, ports, packed, against: served?.order.number ?? 0 }
}

async function prepareOn(handle: WorkerHandle, takes: Calls['prepare']['takes']): Promise<void> {
  try {
    await within(PREPARE_MS, handle.call('prepare', takes))
  } catch (error) {
    if (error instanceof TimeoutError) handle.hangs('it did not take a config over in time')
    throw error
  }
}

/** Lets a worker write its last lines; one that does not come to an end is ended. */
async function endOf(handle: WorkerHandle): Promise<void> {
  handle.call('end', null).catch(() => {})
  // Not even that ends one that is stuck in code of V8's own: whoever ends the process ends it.
  await within(GRACE_MS, handle.ended).catch(() => within(GRACE_MS, handle.terminate()).catch(() => {}))
}
