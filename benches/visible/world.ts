/** Constants shared by the writing and the following processes. */
export const database = 'shop'
export const collection = 'orders'

/** The current time in nanoseconds, from a clock that all processes of a machine share. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint())
}

/**
 * When a state was reached, by {@link sharedNow}: for a replica its position, for a plain map the mark of a document.
 */
export type Sighting = readonly [state: string, at: number]

/** Requests to a following process. */
export interface Question {
  readonly follow?: { readonly uri: string }
}
