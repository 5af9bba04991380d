/** What the writer of the bench and those who follow it agree on. */
export const database = 'shop'
export const collection = 'orders'

/** Now, by the clock that all processes of one machine share, in nanoseconds. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint())
}

/** When a state was there, by {@link sharedNow}: for a replica its position, for a plain map the mark of a document. */
export type Sighting = readonly [state: string, at: number]

/** What a process that follows is asked. */
export interface Question {
  readonly follow?: { readonly uri: string }
}
