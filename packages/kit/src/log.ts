/** Fields of a JSON log line. Errors go under `err`, the only key for which pino logs message and cause. */
type LogFields = Readonly<Record<string, unknown>> & { readonly error?: never }

/** The logger interface; pino implements it. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}
