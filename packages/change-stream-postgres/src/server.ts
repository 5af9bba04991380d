import { ChangeStreamError } from '@freshet/change-stream'
import type { Clock } from '@freshet/kit'
import { serverExpression, type Query } from '@freshet/postgres-rules'
import type { ReplicationStream } from './replication-stream.ts'

const oldest = { version: 140_000, text: '14' } as const

/**
 * Checks what every table needs. Returns what identifies the server process.
 * @throws {ChangeStreamError} UNSUPPORTED
 */
export async function inspectServer(query: Query, publication: string): Promise<string> {
  const [row] = await query(
    `select current_setting('server_version_num'), current_setting('wal_level'),
       current_setting('server_encoding'), exists (select from pg_publication where pubname = $1), ${serverExpression}`,
    [publication],
  )
  const [version, walLevel, encoding, published, server] = row ?? []
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

/** Identifies the server process behind a connection. It was a primary when it was connected to, and stays one, on its timeline. */
export async function serverBehind(stream: ReplicationStream, withinMs: number): Promise<string> {
  const row = await stream.command(`select ${serverExpression} as server`, withinMs)
  return row.get('server') ?? ''
}

/** Every transaction that has an id holds this lock until all later statements see its end. */
const runningQuery = `select transactionid from pg_locks
  where locktype = 'transactionid' and mode = 'ExclusiveLock' and granted`

/** Between two looks at the transactions that are running, in milliseconds. */
const pollMs = 20

async function runningIn(query: Query): Promise<readonly string[]> {
  return (await query(runningQuery)).map(([xid]) => xid ?? '')
}

/** Transactions that a start waits for have not ended in time. */
function tooLong(running: readonly string[], withinMs: number): ChangeStreamError {
  return new ChangeStreamError(
    'DISCONNECTED',
    `expected the transactions that run at the start to end within ${withinMs} ms; still running: ${running.join(', ')}`,
    {
      remedy:
        'End them, or wait for them. pg_stat_activity shows them as backend_xid, and pg_prepared_xacts those that are prepared.',
    },
  )
}

/** Why no slot was created in time: the server waits for all transactions that are running. `undefined`: none is. */
export async function slotFault(query: Query, withinMs: number): Promise<ChangeStreamError | undefined> {
  const running = await runningIn(query)
  return running.length > 0 ? tooLong(running, withinMs) : undefined
}

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
  let waiting = await runningIn(query)
  const since = clock.now()
  while (waiting.length > 0) {
    if (clock.now() - since > withinMs) throw tooLong(waiting, withinMs)
    await clock.sleep(pollMs, signal)
    signal.throwIfAborted()
    const still = new Set(await runningIn(query))
    waiting = waiting.filter((xid) => still.has(xid))
  }
}
