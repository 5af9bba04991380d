/** One text that somebody set, and where, in words for a message. */
export interface Setting {
  readonly source: string
  readonly text: string
}
