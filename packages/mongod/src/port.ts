import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { MongodError } from './errors.ts'

/**
 * Below the ephemeral ports of all operating systems (Linux from 32768, macOS and Windows from 49152), so that no outgoing
 * connection and no bind to port 0 can take one of these while its server is starting or restarting.
 */
const ownPorts = { from: 20_000, below: 30_000 } as const
const tries = 50

/**
 * Whether nothing listens on this port of 127.0.0.1, or of another address of this machine. Another process may take it
 * right after.
 */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, host, () => probe.close(() => resolve(true)))
  })
}

/**
 * Finds a free port on 127.0.0.1.
 * @throws {MongodError} PORT_TAKEN
 */
export async function findFreePort(): Promise<number> {
  for (let tried = 0; tried < tries; tried += 1) {
    const port = randomInt(ownPorts.from, ownPorts.below)
    if (await isPortFree(port)) return port
  }
  const { from, below } = ownPorts
  throw new MongodError(
    'PORT_TAKEN',
    `all of ${tries} random ports on 127.0.0.1 from ${from} to ${below - 1} are in use.`,
  )
}
