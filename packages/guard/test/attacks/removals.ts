import type { MongoClient } from 'mongodb'
import { Connection } from 'mongodb/lib/cmap/connection.js'

/** One way to remove the veto from a connected client. Errors on the way are ignored: only the result counts. */
export type Removal = (client: MongoClient) => Promise<void>

const driversOwn: unknown = Reflect.get(Connection.prototype, 'writeCommand')

/** A plain insert is tried after each of these. */
export const removals: Readonly<Record<string, Removal>> = {
  "the driver's method, assigned to a live connection": async (client) => {
    for (const connection of connectionsOf(client)) Reflect.set(connection, 'writeCommand', driversOwn)
  },
  "the driver's method, defined on a live connection": async (client) => {
    for (const connection of connectionsOf(client))
      Reflect.defineProperty(connection, 'writeCommand', { value: driversOwn })
  },
  "the driver's prototype under a live connection": async (client) => {
    for (const connection of connectionsOf(client)) Reflect.setPrototypeOf(connection, Connection.prototype)
  },
  "the driver's method on the prototype": async (client) => {
    for (const connection of connectionsOf(client)) {
      const prototype: unknown = Reflect.getPrototypeOf(connection)
      if (typeof prototype === 'object' && prototype !== null && prototype !== Connection.prototype)
        Reflect.set(prototype, 'writeCommand', driversOwn)
    }
  },
  "the driver's class for the next connections": (client) =>
    again(client, () => Reflect.set(optionsOf(client), 'connectionType', Connection)),
  "the driver's class, redefined": (client) =>
    again(client, () => Reflect.defineProperty(optionsOf(client), 'connectionType', { value: Connection })),
  'no class at all': (client) =>
    again(client, () => Reflect.deleteProperty(optionsOf(client), 'connectionType')),
  'other options': (client) =>
    again(client, () => Reflect.set(client, 'options', { ...optionsOf(client), connectionType: Connection })),
  'an encrypter, for which the driver uses its own class': (client) =>
    again(client, () => {
      Reflect.set(optionsOf(client), 'autoEncrypter', encrypter)
      Reflect.set(optionsOf(client), 'encrypter', encrypter)
    }),
}

/** Encrypts nothing. */
const encrypter = {
  init: async (): Promise<void> => {},
  connectInternalClient: async (): Promise<void> => {},
  close: async (): Promise<void> => {},
  encrypt: async (_: string, command: object): Promise<object> => ({ ...command }),
  decrypt: async (response: Uint8Array): Promise<Uint8Array> => response,
}

/** Closes the client, changes it, and connects it again. */
async function again(client: MongoClient, change: () => unknown): Promise<void> {
  await client.close()
  change()
  await client.connect()
}

/** The live connections, found as an attacker with the client would. */
function connectionsOf(client: MongoClient): readonly object[] {
  const servers: unknown = within(client, 'topology', 's', 'servers')
  if (!(servers instanceof Map)) throw new Error('expected a client that has connected')
  const connections = [...servers.values()].flatMap((server): unknown[] => [
    ...iterated(within(server, 'pool', 'connections')),
    ...iterated(within(server, 'pool', 'checkedOut')),
  ])
  if (connections.length === 0) throw new Error('expected a live connection')
  return connections.filter((connection) => typeof connection === 'object' && connection !== null)
}

function optionsOf(client: MongoClient): object {
  const options = within(client, 'options')
  if (typeof options !== 'object' || options === null) throw new Error('expected options')
  return options
}

function iterated(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value))
    throw new Error('expected a list')
  return [...(value as Iterable<unknown>)]
}

function within(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  )
}
