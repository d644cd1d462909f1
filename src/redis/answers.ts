/** Answers of caches in Redis: one round trip a look-up. What a purge or a write made old is told by its stamp. */
import { hash, randomBytes } from 'node:crypto'
import { isPurged, type Purgeable } from '../state/purges.ts'
import type { AnswerPlace, FoundAnswer, KeptAnswer, SharedAnswers } from '../state/shared-answers.ts'
import type { FleetPurges } from './fleet-purges.ts'
import type { Link } from './link.ts'

export interface RedisAnswersOptions {
  /** Not the one of the limits: a body on its way must not hold up a count. */
  readonly link: Link
  readonly prefix: string
  readonly purges: FleetPurges
}

const MOST_MS = 86_400_000
/** Bytes on their way to Redis; what would be more is not shared. */
const MOST_UNDERWAY = 16 * 1024 * 1024

export class RedisAnswers implements SharedAnswers {
  readonly mostMs = MOST_MS
  readonly #link: Link
  readonly #prefix: string
  readonly #purges: FleetPurges
  /** Things that were to be forgotten while Redis could not be told. */
  #untold = 0
  #underway = 0

  constructor({ link, prefix, purges }: RedisAnswersOptions) {
    this.#link = link
    this.#prefix = prefix
    this.#purges = purges
  }

  get isUp(): boolean {
    return this.#link.isOpen
  }

  find(place: AnswerPlace, fields: ReadonlyMap<string, string>, done: (found: FoundAnswer | null) => void): void {
    const { resource, audience } = this.#names(place)
    const { head } = this.#purges.names
    const untold = this.#untold
    this.#link.ask(
      (client) => {
        // All that was kept is given up where it is not known what of it should have been.
        if (untold > 0) client.hset(head, 'answers', token()).catch(closesTheLink)
        const found = client.findAnswerBuffer(resource, audience, ...[...fields].flat())
        // After the answer: a purge told meanwhile is seen.
        return Promise.all([found, client.hmget(head, 'epoch', 'version', 'answers')])
      },
      (_, answer) => {
        if (answer === null) return done(null)
        this.#untold -= untold
        const [[written, bytes, left], [epoch, version, answers]] = answer
        if (epoch === null || epoch === undefined)
          return this.#begin(
            () => this.find(place, fields, done),
            () => done(null),
          )
        const now = {
          epoch,
          version: Number(version ?? 0),
          answers: answers ?? '',
          written: written.toString('latin1'),
        }
        void this.#known(now).then((isKnown) =>
          done({
            stamp: JSON.stringify(now),
            bytes: isKnown && bytes !== undefined && bytes.length > 0 ? bytes : null,
            leftMs: Number(left ?? 0),
            isForgotten: (stamp, kept) => this.#isForgotten(readStamp(stamp), now, kept),
          }),
        )
      },
    )
  }

  keep(place: AnswerPlace, { names, fields, bytes, ttlMs }: KeptAnswer): void {
    if (this.#underway + bytes.length > MOST_UNDERWAY) return
    const { audience } = this.#names(place)
    const chosen = names.map((name) => `${name} ${fields.get(name) ?? ''}`).join(',')
    this.#underway += bytes.length
    this.#link.ask(
      (client) =>
        Promise.all([
          client.set(`${audience}:${hash('sha1', chosen)}`, bytes, 'PX', ttlMs),
          client.set(audience, names.join(','), 'PX', ttlMs),
        ]),
      () => {
        this.#underway -= bytes.length
      },
    )
  }

  forget(resource: string): void {
    const name = this.#names({ resource, audience: '' }).resource
    // Outlives everything that was kept before it.
    this.#link.ask(
      (client) => client.set(name, token(), 'PX', 2 * MOST_MS),
      (failure) => {
        if (failure !== null) this.#untold++
      },
    )
  }

  /** Something was to be forgotten, and Redis could not be told: nothing that is there now can be believed. */
  distrust(): void {
    this.#untold++
  }

  close(): void {
    this.#link.end()
  }

  /** Without an epoch a purge that was lost could not be told from one that never was. */
  #begin(begun: () => void, failed: () => void): void {
    this.#link.ask(
      (client) => client.hsetnx(this.#purges.names.head, 'epoch', token()),
      (failure) => (failure === null ? begun() : failed()),
    )
  }

  /** Whether every purge up to now is known here. */
  async #known({ epoch, version }: Stamp): Promise<boolean> {
    if (this.#purges.knows(epoch, version)) return true
    await this.#purges.pull()
    return this.#purges.knows(epoch, version)
  }

  #isForgotten(then: Stamp | null, now: Stamp, kept: Purgeable): boolean {
    if (then === null || then.epoch !== now.epoch || then.answers !== now.answers || then.written !== now.written)
      return true
    const since = this.#purges.since(then.version)
    return since === null || since.some((purge) => isPurged(purge, kept))
  }

  /** Hashed: others may look into this Redis. In braces what Redis Cluster places them by. */
  #names({ resource, audience }: AnswerPlace): AnswerPlace {
    const name = `${this.#prefix}answer:{${hash('sha256', resource, 'base64url')}}`
    return { resource: name, audience: `${name}:${hash('sha256', audience, 'base64url')}` }
  }
}

/** When an answer was asked for, in what Redis knew then. */
interface Stamp {
  /** Of the purges, and the last one. */
  readonly epoch: string
  readonly version: number
  /** Changes when all answers are given up. */
  readonly answers: string
  /** Changes when the resource is written to. */
  readonly written: string
}

function readStamp(text: string): Stamp | null {
  try {
    const { epoch, version, answers, written } = JSON.parse(text) as Partial<Record<keyof Stamp, unknown>>
    if (typeof epoch !== 'string' || typeof version !== 'number') return null
    if (typeof answers !== 'string' || typeof written !== 'string') return null
    return { epoch, version, answers, written }
  } catch {
    return null
  }
}

function token(): string {
  return randomBytes(9).toString('base64url')
}

/** The commands beside it fail for the same reason, and they are looked at. */
function closesTheLink(): void {}
