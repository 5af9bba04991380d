import { ABSENT, type Absent } from './absent.ts'

/**
 * What an entry costs in memory beside its value and the characters of its key: the slot in the map, the links of the
 * list, the header of the key. Measured: 136 B at a table that is just full, 190 B at one that has just doubled.
 */
export const ENTRY_OVERHEAD_BYTES = 192

/** What a Buffer with memory of its own (`Buffer.allocUnsafeSlow`) costs beside its bytes. Measured: 376 B. */
export const BUFFER_OVERHEAD_BYTES = 376

/** The header and padding of a string of one-byte characters. */
export const TEXT_OVERHEAD_BYTES = 24

/** The size of a Buffer that owns its memory. One from the shared pool may pin 8 KiB and must not be kept. */
export function bufferBytes(buffer: Uint8Array): number {
  return buffer.byteLength + BUFFER_OVERHEAD_BYTES
}

/** The size of a string of one-byte characters (`latin1`); two-byte strings cost twice their length. */
export function textBytes(text: string): number {
  return text.length + TEXT_OVERHEAD_BYTES
}

/**
 * A copy with memory of its own. `Buffer.from` would cut small ones from a pool of 8 KiB, and one survivor would keep
 * the whole pool: a cache that evicts at random would hold many times its budget.
 */
export function ownBuffer(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength)
  copy.set(bytes)
  return copy
}

/** Larger than any budget, and small enough that sums of thousands are still exact. */
const TOO_LARGE_BYTES = 2 ** 40

/** What an entry costs; `sizeOf` is rounded up, and what is no size fits nowhere. */
export function entryBytes<V>(key: string, value: V | Absent, sizeOf: (value: V) => number): number {
  const bytes = value === ABSENT ? 0 : Math.ceil(sizeOf(value))
  return ENTRY_OVERHEAD_BYTES + key.length + (bytes >= 0 ? Math.min(bytes, TOO_LARGE_BYTES) : TOO_LARGE_BYTES)
}
