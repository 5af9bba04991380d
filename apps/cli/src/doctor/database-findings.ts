import type { DatabaseReport } from '@freshet/migration'
import { ok, todo, type Checked } from './finding.ts'

/** What the services that were found have to do with the database. */
export interface DatabaseNeeds {
  /** The largest lag of a reader or delivery, in seconds; `undefined`: none was found. */
  readonly lagS: number | undefined
  /** Connections that all services together may open. */
  readonly connections: number
}

const hourMs = 3_600_000

/** Less than this is a fault: a restart of a reader or a short outage loses its place. */
const minWindowMs = hourMs
/** Less than this is a warning: nobody repairs anything at night. */
const goodWindowMs = 24 * hourMs
/** A reader that lags must not lose its place while it catches up. */
const minWindowPerLag = 10
/** How long entries must have been collected for an estimate. */
const minObservedMs = 10 * 60_000

/** A change may be read from a snapshot this long after; replicas count on it. */
const minSnapshotHistoryS = 300

/** Services accept tokens with a tolerance of 5 s. */
const maxClockMs = 5_000
const goodClockMs = 1_000

/** Findings about the database server. */
export function databaseFindings(report: DatabaseReport, needs: DatabaseNeeds): readonly Checked[] {
  return [
    oplogFinding(report, needs),
    rolesFinding(report),
    ...clockFindings(report.members.map(({ host, clockAheadMs }) => ({ name: host, aheadMs: clockAheadMs }))),
    connectionsFinding(report, needs),
    snapshotFinding(report),
  ]
}

const moreRights =
  'Pass --admin-db-file with a user that has the roles clusterMonitor and userAdminAnyDatabase, or root.'

function oplogFinding({ oplog }: DatabaseReport, { lagS }: DatabaseNeeds): Checked {
  const name = 'oplog'
  if (oplog === undefined) return todo('not checked', name, 'this user may not see the oplog', moreRights)
  const { windowMs, usedBytes, maxBytes } = oplog
  const full = usedBytes >= 0.9 * maxBytes
  const expectedMs = full ? windowMs : (windowMs * maxBytes) / Math.max(usedBytes, 1)
  const size = `${mib(usedBytes)} of ${mib(maxBytes)} MiB used`
  const measured = lagS === undefined ? 'no lag measured' : `largest lag ${lagS} s`
  const held = full
    ? `${hours(windowMs)} h between its first and last entry (${size}), ${measured}`
    : `${hours(windowMs)} h so far (${size}), about ${hours(expectedMs)} h when it is full, ${measured}`
  const remedy =
    'Enlarge the oplog: db.adminCommand({ replSetResizeOplog: 1, size: MEGABYTES }) on every member, or storage.oplogMinRetentionHours. ' +
    'It must cover the longest outage after which readers should resume instead of starting with an empty cache.'
  if (!full && windowMs < minObservedMs)
    return ok(name, `${hours(windowMs)} h so far (${size}), too young for an estimate, ${measured}`)
  if (expectedMs < Math.max(minWindowMs, minWindowPerLag * (lagS ?? 0) * 1_000))
    return todo('fault', name, held, remedy)
  return expectedMs < goodWindowMs ? todo('warning', name, held, remedy) : ok(name, held)
}

function rolesFinding({ differences }: DatabaseReport): Checked {
  const name = 'roles and users'
  if (differences === undefined)
    return todo(
      'not checked',
      name,
      'the roles and users could not be compared with what the migration makes',
      `Pass --collections. ${moreRights}`,
    )
  if (differences.length === 0) return ok(name, 'as the migration makes them')
  return todo('fault', name, differences.join('; '), 'Run `freshet migrate`.')
}

/** Findings about clocks, compared with this machine's. */
export function clockFindings(
  nodes: readonly { readonly name: string; readonly aheadMs: number | undefined }[],
): readonly Checked[] {
  const known = nodes.flatMap(({ name, aheadMs }) => (aheadMs === undefined ? [] : [{ name, aheadMs }]))
  const silent = nodes.filter(({ aheadMs }) => aheadMs === undefined)
  const unreachable = silent.map(({ name }) =>
    todo(
      'fault',
      name,
      'this member of the replica set does not answer here',
      'Start it, or make its name resolvable on this machine. The set may lose its majority with the next failure.',
    ),
  )
  if (known.length === 0) return unreachable
  const aheads = [0, ...known.map(({ aheadMs }) => aheadMs)]
  const apartMs = Math.max(...aheads) - Math.min(...aheads)
  const list = known.map(({ name, aheadMs }) => `${name} ${seconds(aheadMs)}`).join(', ')
  const seen = `${(apartMs / 1_000).toFixed(1)} s between the earliest and the latest; from this machine: ${list}`
  const remedy =
    'Run NTP or chrony on the nodes. Lag, the age of messages and the expiry of tokens are measured between clocks; tokens have a tolerance of 5 s.'
  if (apartMs > maxClockMs) return [...unreachable, todo('fault', 'clocks', seen, remedy)]
  if (apartMs > goodClockMs + 1_000) return [...unreachable, todo('warning', 'clocks', seen, remedy)]
  return [...unreachable, ok('clocks', seen)]
}

function connectionsFinding(
  { connections }: DatabaseReport,
  { connections: needed }: DatabaseNeeds,
): Checked {
  const name = 'connections'
  if (connections === undefined)
    return todo('not checked', name, 'this user may not see how many connections are free', moreRights)
  const { current, available } = connections
  const seen = `${current} open, ${available} more possible; the pools of all services may open ${needed}`
  return needed > current + available
    ? todo(
        'fault',
        name,
        seen,
        'Raise net.maxIncomingConnections and `ulimit -n` of mongod, or run fewer and larger services.',
      )
    : ok(name, seen)
}

function snapshotFinding({ snapshotHistoryS }: DatabaseReport): Checked {
  const name = 'snapshot history'
  if (snapshotHistoryS === undefined)
    return todo('not checked', name, 'this user may not read the parameter', moreRights)
  const seen = `${snapshotHistoryS} s`
  return snapshotHistoryS < minSnapshotHistoryS
    ? todo(
        'warning',
        name,
        seen,
        'Set minSnapshotHistoryWindowInSeconds to 300: reads of the recent past and `freshet audit` need it.',
      )
    : ok(name, seen)
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
const hours = (ms: number): string => (ms / hourMs).toFixed(1)
const seconds = (ms: number): string => `${ms < 0 ? '' : '+'}${(ms / 1_000).toFixed(1)} s`
