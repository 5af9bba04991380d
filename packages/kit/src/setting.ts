/** One text that somebody set, and where, in words for a message. */
export interface Setting {
  readonly where: string
  readonly text: string
}
