/** What goes into the JSON line beside the message. An error goes under `err`: pino tells its message and cause only there. */
type LogFields = Readonly<Record<string, unknown>> & { readonly error?: never }

/** What every part logs through; pino fits it. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}
