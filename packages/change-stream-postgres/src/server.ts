import { ChangeStreamError } from '@freshet/change-stream'
import type { Clock } from '@freshet/kit'
import { serverExpression, type Query } from '@freshet/postgres-rules'
import type { ReplicationStream } from './replication-stream.ts'

const oldest = { version: 140_000, text: '14' } as const

/**
 * Checks what every table needs. Returns what identifies the server process.
 * @throws {ChangeStreamError} UNSUPPORTED; DISCONNECTED: a standby.
 */
export async function inspectServer(query: Query, publication: string): Promise<string> {
  const [row] = await query(
    `select current_setting('server_version_num'), current_setting('wal_level'), pg_is_in_recovery(),
       current_setting('server_encoding'), exists (select from pg_publication where pubname = $1), ${serverExpression}`,
    [publication],
  )
  const [version, walLevel, standby, encoding, published, server] = row ?? []
  if (standby === 't') throw gotStandby()
  const faults: readonly (readonly [boolean, expected: string, remedy: string])[] = [
    [Number(version) < oldest.version, `PostgreSQL ${oldest.text} or newer`, 'Upgrade the server.'],
    [walLevel !== 'logical', `wal_level logical, got ${String(walLevel)}`, 'Set it and restart the server.'],
    [encoding === 'SQL_ASCII', 'a database with an encoding, got SQL_ASCII', 'Use UTF8.'],
    [
      published === 'f',
      `the publication ${publication}`,
      'Create it: see the set-up in the README of @freshet/change-stream-postgres.',
    ],
  ]
  for (const [found, expected, remedy] of faults)
    if (found) throw new ChangeStreamError('UNSUPPORTED', `expected ${expected}`, { remedy })
  return server ?? ''
}

/** It may be promoted, or the address may soon lead to the primary. Until then, the state so far may be served. */
const gotStandby = (): ChangeStreamError =>
  new ChangeStreamError('DISCONNECTED', 'expected a primary, got a standby', {
    remedy: 'Promote it, or let the address lead to the primary.',
  })

/**
 * Identifies the server process behind a connection. A process that is a primary stays one, and on its timeline.
 * @throws {ChangeStreamError} DISCONNECTED: a standby.
 */
export async function primaryBehind(stream: ReplicationStream, withinMs: number): Promise<string> {
  const row = await stream.command(
    `select pg_is_in_recovery()::text as standby, ${serverExpression} as server`,
    withinMs,
  )
  if (row.get('standby') !== 'false') throw gotStandby()
  return row.get('server') ?? ''
}

/** Every transaction that has an id holds this lock until all later statements see its end. */
const runningQuery = `select transactionid from pg_locks
  where locktype = 'transactionid' and mode = 'ExclusiveLock' and granted`

/** Between two looks at the transactions that are running, in milliseconds. */
const pollMs = 20

/**
 * Resolves when all transactions that are running now have ended. The feed does not report those that committed before its slot
 * was created, although other sessions may not see them yet.
 * @throws {ChangeStreamError} DISCONNECTED: some run for too long.
 */
export async function waitForRunning(
  query: Query,
  clock: Clock,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  const running = async (): Promise<readonly string[]> =>
    (await query(runningQuery)).map(([xid]) => xid ?? '')
  let waiting = await running()
  const since = clock.now()
  while (waiting.length > 0) {
    if (clock.now() - since > withinMs)
      throw new ChangeStreamError(
        'DISCONNECTED',
        `expected the transactions that run at the start to end within ${withinMs} ms; still running: ${waiting.join(', ')}`,
        { remedy: 'End them, or wait for them. pg_stat_activity shows them as backend_xid.' },
      )
    await clock.sleep(pollMs, signal)
    signal.throwIfAborted()
    const still = new Set(await running())
    waiting = waiting.filter((xid) => still.has(xid))
  }
}
