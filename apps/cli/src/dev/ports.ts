import { isPortFree } from '@freshet/mongod'
import { CliError } from '../errors.ts'

/** Offset of management ports, as documented in `--help`. Larger than the number of services. */
const managementOffset = 100

/** The ports of one service; 0: any free port. */
export interface PortPair {
  readonly port: number
  readonly managementPort: number
}

/** The ports of the service with this index: 0 for the writer, then the readers, then the deliveries. */
export function portsAt(base: number, index: number): PortPair {
  if (base === 0) return { port: 0, managementPort: 0 }
  return { port: base + index, managementPort: base + index + managementOffset }
}

/**
 * Checks all ports before anything is started. `services`: names of the services, by index.
 * @throws {CliError} PORT_TAKEN
 */
export async function requireFreePorts(
  base: number,
  services: readonly string[],
  host: string,
): Promise<void> {
  if (base === 0) return
  for (const [index, name] of services.entries()) {
    const { port, managementPort } = portsAt(base, index)
    await requireFree(port, host, name)
    await requireFree(managementPort, '127.0.0.1', `health and metrics of ${name}`)
  }
}

/** Checks one port. @throws {CliError} PORT_TAKEN */
export async function requireFree(port: number, host: string, use: string): Promise<void> {
  if (!(await isPortFree(port, host)))
    throw new CliError('PORT_TAKEN', `port ${port} on ${host}, required for ${use}, is in use.`)
}
