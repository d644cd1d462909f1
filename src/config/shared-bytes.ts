/** Memory that all threads see: what lies in it reaches another one without being copied. */

/** The bytes of these numbers. */
export function sharedCopy({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(byteLength)
  new Uint8Array(memory).set(new Uint8Array(buffer, byteOffset, byteLength))
  return memory
}
