import { isPortFree } from '@freshet/mongod'
import { CliError } from '../errors.ts'

/** Management ports begin this far above the public ones, as `--help` says; there are fewer services than that. */
const managementDistance = 100

/** The two ports of one service; 0 stands for any that is free. */
export interface PortPair {
  readonly port: number
  readonly managementPort: number
}

/** The ports of the service at `place`: 0 for the writer, 1 and so on for the readers. */
export function portsAt(base: number, place: number): PortPair {
  if (base === 0) return { port: 0, managementPort: 0 }
  return { port: base + place, managementPort: base + place + managementDistance }
}

/**
 * Looks at all ports before anything is started, so that nothing has to be stopped again.
 * @throws {CliError} PORT_TAKEN
 */
export async function requireFreePorts(base: number, services: number, host: string): Promise<void> {
  if (base === 0) return
  for (let place = 0; place < services; place++) {
    const { port, managementPort } = portsAt(base, place)
    const name = place === 0 ? 'the writer' : `reader ${place}`
    await requireFree(port, host, name)
    await requireFree(managementPort, '127.0.0.1', `health and metrics of ${name}`)
  }
}

async function requireFree(port: number, host: string, use: string): Promise<void> {
  if (!(await isPortFree(port, host)))
    throw new CliError('PORT_TAKEN', `port ${port} on ${host}, wanted for ${use}, is in use.`)
}
