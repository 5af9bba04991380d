import { inspect } from 'node:util'
import type { Log } from '@freshet/kit'

/** Writes everything except debug entries to standard error, which Jest does not capture. */
export const standardErrorLog: Log = {
  debug: () => undefined,
  info: (_fields, message) => void process.stderr.write(`${message}\n`),
  warn: (fields, message) => void process.stderr.write(`${message} ${inspected(fields)}\n`),
  error: (fields, message) => void process.stderr.write(`${message} ${inspected(fields)}\n`),
}

/** JSON would omit error messages. */
function inspected(fields: object): string {
  return inspect(fields, { depth: 5, breakLength: Infinity })
}

/** Discards everything. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** Records all entries. */
export class KeptLog implements Log {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] = []

  debug(fields: object, message: string): void {
    this.lines.push({ level: 'debug', fields, message })
  }
  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields, message })
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields, message })
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields, message })
  }
}
