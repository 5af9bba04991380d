/** Limits of a log source. */
export interface LogSourceOptions {
  /**
   * Without a record for this long, the state is not proved current any more. Must be longer than Debezium's
   * `heartbeat.interval.ms`. In milliseconds.
   */
  readonly beatWithinMs: number
  /** Records of transactions that have not ended. */
  readonly maxOpenBytes: number
}

export const defaultLogSourceOptions: LogSourceOptions = Object.freeze({
  beatWithinMs: 10_000,
  maxOpenBytes: 256 * 1024 * 1024,
})
