/** What both servers and the load agree on. */
export const collection = 'orders'
export const documents = 1_000
export const secret = 'a secret of the benches that is long enough'

export function idOf(index: number): string {
  return `order-${String(index).padStart(6, '0')}`
}

/** A document of exactly this many bytes of JSON. */
export function jsonOf(index: number, bytes: number): string {
  const start = `{"id":"${idOf(index)}","text":"`
  return `${start}${'x'.repeat(bytes - start.length - 2)}"}`
}

/** What the bare server is to answer: as the reader does. */
export interface Answer {
  /** Names and values in turn, without those that Node.js writes by itself. */
  readonly head: readonly string[]
  readonly bodyBytes: number
}
