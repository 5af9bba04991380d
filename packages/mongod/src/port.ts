import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { MongodError } from './errors.ts'

/**
 * Below every range that operating systems take ports from by themselves (Linux from 32768, macOS and Windows from
 * 49152): nobody who asks for any port, and no outgoing connection, can take one of these while a server that has it
 * is starting or is down for a moment.
 */
const ownPorts = { from: 20_000, below: 30_000 } as const
const tries = 50

/** Whether nobody listens on this port of 127.0.0.1, or of another address of this machine. The answer is about now: another process may take it next. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, host, () => probe.close(() => resolve(true)))
  })
}

/**
 * A port of 127.0.0.1 that nobody listens on, for a server that is started next.
 * @throws {MongodError} PORT_TAKEN when none was found
 */
export async function findFreePort(): Promise<number> {
  for (let tried = 0; tried < tries; tried += 1) {
    const port = randomInt(ownPorts.from, ownPorts.below)
    if (await isPortFree(port)) return port
  }
  const { from, below } = ownPorts
  throw new MongodError(
    'PORT_TAKEN',
    `${tries} ports of 127.0.0.1 from ${from} to ${below - 1} were tried: all in use.`,
  )
}
