// G3.1 fails without this file: a write command is sent.
/** Commands that a reader sends itself. Exact case: the server matches names exactly too. */
export const readCommands = [
  'aggregate',
  'connectionStatus',
  'find',
  'getMore',
  'hello',
  'killCursors',
  'listCollections',
  'ping',
] as const

/**
 * Commands that the driver sends by itself: handshake (always under its oldest name), login, and ending sessions. None
 * of them changes data.
 */
const driverCommands = ['authenticate', 'endSessions', 'ismaster', 'saslContinue', 'saslStart'] as const

/** Commands about the connection, not about data. They may go to any database; the driver sends most to `admin`. */
export const databaseFreeCommands: ReadonlySet<string> = new Set([
  ...driverCommands,
  'connectionStatus',
  'hello',
  'ping',
])

/** Every command name that may leave the process. */
export const allowedCommands: ReadonlySet<string> = new Set([...readCommands, ...driverCommands])
