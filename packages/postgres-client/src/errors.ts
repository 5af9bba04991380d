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

/** The user may not ask what the server is. By default, every user may. */
export class NotToldError extends Error {
  override readonly name = 'NotToldError'
  readonly code: string

  constructor(code: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${reason}: grant EXECUTE on it to the user, which asks each server what it is`, { cause })
    this.code = code
  }
}

/** Something between ignores the settings of sessions, on which promises depend, and may change their server later. */
export class PoolerError extends Error {
  override readonly name = 'PoolerError'

  /** @param cause why the settings were refused; missing if they were ignored. */
  constructor(cause?: Error) {
    const found = cause === undefined ? 'one without them' : cause.message
    super(
      `expected a session with the settings that were sent, got ${found}: connect to the server, not to a pooler`,
      { cause },
    )
  }
}
