import type { Log } from '@freshet/kit'
import { vetoingClient, type VetoingClient } from '../src/client.ts'

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

/** A guarded client with one connection, for the database `app`. */
export function vetoing(uri: string): VetoingClient {
  return vetoingClient({
    uri,
    databases: new Set(['app']),
    appName: 'attacks',
    heartbeatFrequencyMs: 500,
    maxPoolSize: 1,
    connectTimeoutMs: 5_000,
    log: new KeptLog(),
    onRefusal: undefined,
  })
}
