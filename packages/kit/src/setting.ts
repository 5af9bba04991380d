/** The text of one setting, and its source for messages. */
export interface Setting {
  readonly source: string
  readonly text: string
}
