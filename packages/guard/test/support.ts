import { KeptLog } from '@freshet/testkit'
import { vetoingClient, type VetoingClient } from '../src/client.ts'

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
