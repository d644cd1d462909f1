/** Purges for a whole fleet: a shared map of what was purged, of which each gateway does what is new. */
import { hash } from 'node:crypto'
import type { Purge } from '../state/purges.ts'
import type { Link } from './link.ts'
import { change, type MapNames, mapNames, SharedMap } from './shared-map.ts'

const NAME = 'purges'
/** A gateway that was apart for more of them forgets everything. */
const MOST_REMEMBERED = 1000

export interface FleetPurgesOptions {
  readonly link: Link
  readonly prefix: string
  readonly purged: (purge: Purge) => void
}

export class FleetPurges {
  readonly #options: FleetPurgesOptions
  readonly #map: SharedMap<Purge>
  readonly names: MapNames

  constructor(options: FleetPurgesOptions) {
    const { link, prefix, purged } = options
    this.#options = options
    this.names = mapNames(prefix, NAME)
    this.#map = new SharedMap({ link, prefix, name: NAME, read, changed: purged, missed: () => purged(everything) })
  }

  start(): Promise<void> {
    return this.#map.start()
  }

  /** Does now what others purged. */
  pull(): Promise<void> {
    return this.#map.pull()
  }

  /** Whether every purge up to this one of these is known here. */
  knows(epoch: string, version: number): boolean {
    return this.#map.knows(epoch, version)
  }

  /** The purges after this one; null: some of them are not known any more. */
  since(version: number): readonly Purge[] | null {
    return this.#map.since(version)
  }

  stop(): void {
    this.#map.stop()
  }

  /** Tells all. False: Redis did not answer. */
  tell({ route, url, tag }: Purge): Promise<boolean> {
    const { link } = this.#options
    const text = JSON.stringify({ route, url, tag })
    const field = hash('sha256', text, 'base64url')
    return new Promise((resolve) =>
      link.ask(
        (client) => change(client, this.names, { field, text, most: MOST_REMEMBERED }),
        (failure) => resolve(failure === null),
      ),
    )
  }
}

const everything: Purge = Object.freeze({})

/** What is malformed means everything: somebody wanted something forgotten. */
function read(text: string): Purge {
  try {
    const { route, url, tag } = JSON.parse(text) as Partial<Record<keyof Purge, unknown>>
    return {
      ...(typeof route === 'string' ? { route } : {}),
      ...(typeof url === 'string' ? { url } : {}),
      ...(typeof tag === 'string' ? { tag } : {}),
    }
  } catch {
    return everything
  }
}
