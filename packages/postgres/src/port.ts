import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below the ephemeral ports, so that no outgoing connection takes one while its server restarts. */
const ports = { from: 10_000, below: 20_000 } as const
const tries = 50

/** Finds a free port on 127.0.0.1. */
export async function findFreePort(): Promise<number> {
  for (let tried = 0; tried < tries; tried += 1) {
    const port = randomInt(ports.from, ports.below)
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer()
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (free) return port
  }
  throw new Error(`all of ${tries} random ports from ${ports.from} to ${ports.below - 1} are in use`)
}
