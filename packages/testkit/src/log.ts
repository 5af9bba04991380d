import { inspect } from 'node:util'
import type { Log } from '@freshet/kit'

/** Drops debugging and writes the rest to standard error, which jest shows as it is. */
export const standardErrorLog: Log = {
  debug: () => undefined,
  info: (_fields, message) => void process.stderr.write(`${message}\n`),
  warn: (fields, message) => void process.stderr.write(`${message} ${told(fields)}\n`),
  error: (fields, message) => void process.stderr.write(`${message} ${told(fields)}\n`),
}

/** JSON would leave out what errors say. */
function told(fields: object): string {
  return inspect(fields, { depth: 5, breakLength: Infinity })
}

/** Says nothing at all. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** A log that keeps its lines. */
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
