/** What is long in an answer travels apart from it: as one message, it would hold up whoever takes it. */

type Kind = 'Uint8Array' | 'Int32Array' | 'Uint32Array'

/** Where in the answer it stands, and what it is. */
interface Where {
  readonly path: readonly string[]
  readonly kind: Kind
}

export interface Long extends Where {
  readonly bytes: Uint8Array
}

/** What is told of it first. */
export interface Announced extends Where {
  readonly length: number
}

type Inner = Record<string, unknown>

const kinds: Record<Kind, new (memory: SharedArrayBuffer) => ArrayBufferView> = { Uint8Array, Int32Array, Uint32Array }

/** Takes it out of `value`. */
export function takeLong(value: object, path: readonly string[] = []): Long[] {
  const inner = value as Inner
  return Object.keys(inner).flatMap((key): Long[] => {
    const one = inner[key]
    const at = [...path, key]
    if (!ArrayBuffer.isView(one)) return one !== null && typeof one === 'object' ? takeLong(one, at) : []
    inner[key] = null
    const kind = one instanceof Int32Array ? 'Int32Array' : one instanceof Uint32Array ? 'Uint32Array' : 'Uint8Array'
    return [{ path: at, kind, bytes: new Uint8Array(one.buffer, one.byteOffset, one.byteLength) }]
  })
}

/** Puts it back, in memory that all threads see, as `next` brings it. */
export async function putLong(
  value: object,
  long: readonly Announced[],
  next: () => Promise<Uint8Array>,
): Promise<void> {
  for (const { path, kind, length } of long) {
    const memory = new SharedArrayBuffer(length)
    const bytes = new Uint8Array(memory)
    for (let at = 0; at < length; ) {
      const piece = await next()
      bytes.set(piece, at)
      at += piece.length
    }
    const holder = path.slice(0, -1).reduce((inner, key) => inner[key] as Inner, value as Inner)
    holder[path.at(-1)!] = new kinds[kind](memory)
  }
}
