/** Constants shared by both servers and the load. */
export const collection = 'orders'
export const documents = 1_000
export const secret = 'a secret of the benches that is long enough'

export function idOf(index: number): string {
  return `order-${String(index).padStart(6, '0')}`
}

/** A document with exactly this many bytes of JSON. */
export function jsonOf(index: number, bytes: number): string {
  const start = `{"id":"${idOf(index)}","text":"`
  return `${start}${'x'.repeat(bytes - start.length - 2)}"}`
}

/** The responses of the bare server, copied from the reader. */
export interface Answer {
  /** Alternating names and values, without those that Node.js writes itself. */
  readonly head: readonly string[]
  readonly bodyBytes: number
}
