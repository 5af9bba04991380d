import type { Asked } from '@freshet/postgres-client'
import { hostText } from '@freshet/postgres-rules'
import { inspectServer } from './server.ts'
import { Sessions, sessionsAt, type SessionOptions } from './session.ts'

/** How much of a limit of the server is in use. */
export interface Usage {
  readonly used: number
  readonly max: number
}

/** What a server has left for readers. Every user may see it. */
export interface ServerExamination {
  /** Such as `18.4`. */
  readonly version: string
  readonly slots: Usage
  readonly walSenders: Usage
  readonly connections: Usage
  /** Slots that nobody uses, with the bytes of the log that the server keeps for each. */
  readonly idleSlots: readonly { readonly name: string; readonly bytes: number }[]
  /** By how much the server's clock is ahead of this machine's, in milliseconds. */
  readonly clockAheadMs: number
  /** What each host of the address answered, in its order. */
  readonly hosts: readonly HostExamination[]
}

export interface HostExamination {
  /** Such as `db-1:5432`. */
  readonly host: string
  readonly state: 'primary' | 'standby' | 'unknown'
  /** Such as `a primary on timeline 2`, or why nothing is known. */
  readonly seen: string
}

const usageQuery = `select current_setting('server_version'),
    (select count(*) from pg_replication_slots), current_setting('max_replication_slots'),
    (select count(*) from pg_stat_replication), current_setting('max_wal_senders'),
    (select count(*) from pg_stat_activity where backend_type = 'client backend'), current_setting('max_connections'),
    extract(epoch from clock_timestamp()) * 1000`

const idleSlotsQuery = `select slot_name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)
    from pg_replication_slots where not active order by 2 desc limit 100`

function hostOf(asked: Asked): HostExamination {
  const host = hostText(asked.host)
  if ('reason' in asked) return { host, state: 'unknown', seen: asked.reason }
  const { timeline } = asked.seen
  return timeline === undefined
    ? { host, state: 'standby', seen: 'a standby' }
    : { host, state: 'primary', seen: `a primary on timeline ${timeline}` }
}

/**
 * Reads what a server has left. Changes nothing.
 * @throws {ChangeStreamError} UNSUPPORTED: something that every reader needs is missing; DISCONNECTED, DENIED
 */
export async function examineServer(
  options: SessionOptions,
  publication: string,
): Promise<ServerExamination> {
  const session = sessionsAt(options)
  const sessions = new Sessions({ ...session, max: 1 })
  const query = sessions.query.bind(sessions)
  try {
    await inspectServer(query, publication)
    const startedMs = Date.now()
    const [row = []] = await query(usageQuery)
    const hereMs = (startedMs + Date.now()) / 2
    const [version, slots, maxSlots, senders, maxSenders, connections, maxConnections, nowMs] = row
    const usage = (used: string | null | undefined, max: string | null | undefined): Usage => ({
      used: Number(used),
      max: Number(max),
    })
    return {
      version: (version ?? '').replace(/ .*/, ''),
      slots: usage(slots, maxSlots),
      walSenders: usage(senders, maxSenders),
      connections: usage(connections, maxConnections),
      idleSlots: (await query(idleSlotsQuery)).map(([name, bytes]) => ({
        name: name ?? '',
        bytes: Number(bytes),
      })),
      clockAheadMs: Math.round(Number(nowMs) - hereMs),
      hosts: (await session.connector.ask()).map(hostOf),
    }
  } finally {
    await sessions.close()
  }
}
