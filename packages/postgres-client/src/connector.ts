import { postgresAddress, type PostgresHost } from '@freshet/postgres-rules'
import { Pool, type Client, type ClientConfig, type PoolConfig } from 'pg'
import { askHost, type Asked } from './ask-host.ts'
import { PrimaryClient } from './primary-client.ts'
import { Primary } from './primary.ts'

/** What everything else of a connection is decided by. */
export type Settings<Config> = Omit<Config, 'connectionString' | 'connectionTimeoutMillis' | 'Client'>

/**
 * Makes the driver's clients and pools for one address. All of them lead to one server process, which was a primary when they were
 * opened: see `SPEC.md`.
 */
export interface Connector {
  /** A client that is not connected yet. */
  client(config: Settings<ClientConfig>): Client
  pool(config: Settings<PoolConfig>): Pool
  /** Asks all hosts, in their order. */
  ask(): Promise<readonly Asked[]>
}

/**
 * @param withinMs the time limit of connecting to one host.
 * @throws {TypeError} the address is not valid; the message contains no part of it.
 */
export function connectorFor(uri: string, withinMs: number): Connector {
  return connectorWith(uri, withinMs, (hosts, ask) => new Primary(hosts, ask))
}

/** Exported for negative controls. @param search what chooses among the hosts. */
export function connectorWith(
  uri: string,
  withinMs: number,
  search: (...parts: ConstructorParameters<typeof Primary>) => Primary,
): Connector {
  const { hosts, driverUri, connectWithinMs = withinMs } = postgresAddress(uri)
  const settings = { connectionString: driverUri, connectionTimeoutMillis: connectWithinMs }
  const ask = (host: PostgresHost): Promise<Asked> => askHost(host, driverUri, connectWithinMs)
  const primary = search(hosts, ask)
  const open = { primary, answerWithinMs: connectWithinMs }
  return {
    client: (config) => new PrimaryClient(open, { ...config, ...settings }),
    pool: (config) =>
      new Pool({
        ...config,
        ...settings,
        // The search comes first, or the question what the server is afterwards.
        connectionTimeoutMillis: 2 * connectWithinMs,
        Client: class extends PrimaryClient {
          constructor(given?: ClientConfig) {
            super(open, { ...given, ...settings })
          }
        },
      }),
    ask: () => Promise.all(hosts.map(ask)),
  }
}
