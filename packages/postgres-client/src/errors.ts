/** No host is a primary that may be used. */
export class PrimaryError extends Error {
  override readonly name = 'PrimaryError'
  /** The SQLSTATE, if all servers that answered refused for the same reason. */
  readonly code: string | undefined

  /** @param lines one for each host, with the reason. Without credentials. */
  constructor(lines: readonly string[], code?: string) {
    super(`expected a primary, got ${lines.join('; ')}`)
    this.code = code
  }
}
