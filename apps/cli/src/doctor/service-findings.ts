import { numberAt, objectIn, type ServiceFailure, type ServiceReading } from '../service-reading.ts'
import { clockFindings } from './database-findings.ts'
import { ok, todo, type Checked } from './finding.ts'

const MiB = 2 ** 20

/** What a process takes besides its heap and what is in flight: code, stacks, buffers of sockets. */
const besidesBytes = 100 * MiB

/** Connections of one service to the database, at most: the pools of all its clients, and two for monitoring. */
export const poolSizes: Readonly<Record<string, number>> = { reader: 38, writer: 120, delivery: 22 }

/** Findings about running services. */
export function serviceFindings(services: readonly (ServiceReading | ServiceFailure)[]): readonly Checked[] {
  const readings = services.flatMap((service) => ('failure' in service ? [] : [service]))
  const clocks = readings.map(({ name, clockAheadMs }) => ({ name, aheadMs: clockAheadMs ?? 0 }))
  return [
    ...services.map(reachability),
    ...readings.flatMap(refusedFindings),
    ...readings.map(memoryFinding),
    ...(clocks.length > 0 ? clockFindings(clocks) : []),
  ]
}

function reachability(service: ServiceReading | ServiceFailure): Checked {
  const { name, managementUrl } = service
  if ('failure' in service)
    return todo(
      'fault',
      name,
      `${managementUrl} does not answer: ${service.failure}`,
      'Start it, or correct --management-urls. In a cluster, use `kubectl port-forward` to the port named management.',
    )
  const { status, unready } = service
  if (unready !== undefined)
    return todo(
      'fault',
      name,
      `not ready: ${unready}`,
      'Read /statusz and the log of the service; docs/operations.md explains the reasons.',
    )
  const lagS = numberAt(status, 'lagSeconds')
  return ok(
    name,
    `ready${lagS === undefined ? '' : `, position ${lagS} s ago`}, version ${String(status['version'])}`,
  )
}

/** Collections that a reader refuses to serve: it stays ready for the others. */
function refusedFindings({ name, status }: ServiceReading): readonly Checked[] {
  return Object.entries(objectIn(status['refusedCollections'])).map(([collection, reason]) =>
    todo(
      'fault',
      `${name}: ${collection}`,
      `refused with 503: ${String(reason)}`,
      'Correct the collection in the database. Restart the reader if it does not notice.',
    ),
  )
}

function memoryFinding({ name, metrics }: ServiceReading): Checked {
  const subject = `${name}: memory`
  const heap = metrics.get('heap_limit_bytes')
  if (heap === undefined)
    return todo(
      'not checked',
      subject,
      'it reports no heap limit',
      'Update the service to the version of this command.',
    )
  const limit = metrics.get('memory_limit_bytes')
  const inFlight = metrics.get('in_flight_limit_bytes') ?? 0
  const cache = metrics.get('replica_budget_bytes')
  const resident = metrics.get('process_resident_memory_bytes') ?? 0
  const needed = heap + inFlight + besidesBytes
  const seen =
    `${mib(resident)} MiB used; heap ${mib(heap)}${cache === undefined ? '' : `, cache ${mib(cache)}`}, ` +
    `in flight ${mib(inFlight)}, so up to ${mib(needed)}; ${limit === undefined ? 'no limit' : `limit ${mib(limit)}`}`
  if (limit !== undefined && limit < needed)
    return todo(
      'fault',
      subject,
      seen,
      `Raise the memory limit to ${mib(needed)} MiB, or lower --cache-size or --in-flight-size.`,
    )
  return ok(subject, seen)
}

const mib = (bytes: number): string => Math.ceil(bytes / MiB).toString()
