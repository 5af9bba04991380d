import { Backoff, RunLoop, type Clock, type Log, type Part } from '@freshet/kit'
import { ownTables } from '@freshet/postgres-rules'
import type { StoredAnswer } from '../contract.ts'
import { StoreError } from '../errors.ts'
import type { DatabaseConnection } from './connection.ts'
import type { Statement } from './transactions.ts'

/** Longer than any client retries; beyond that, records only take space. */
const KEPT = '1 day'

const statuses = [200, 201, 204] as const satisfies readonly StoredAnswer['status'][]

/** Holds a key until the end of the transaction, so that no other one can store an answer under it. */
async function holdKey(key: Uint8Array, statement: Statement): Promise<void> {
  const lock = Buffer.from(key).readBigInt64BE(0).toString()
  const [row] = await statement('select pg_try_advisory_xact_lock($1::int8)', [lock])
  if (row?.[0] !== 't') throw new StoreError('IN_PROGRESS', 'another transaction has the key')
}

/** The answer as the transaction sees it. An expired one counts until it is deleted. @throws {StoreError} IN_PROGRESS */
export async function findAnswer(key: Uint8Array, statement: Statement): Promise<StoredAnswer | undefined> {
  await holdKey(key, statement)
  const [row] = await statement(
    `select encode(request, 'base64'), status, etag, location, encode(json, 'base64') from ${ownTables.answers} where key = $1`,
    [key],
  )
  if (row === undefined) return undefined
  const [request, status, etag, location, json] = row
  const known = statuses.find((one) => String(one) === status)
  if (known === undefined)
    throw new TypeError(`expected the status of a stored answer, got ${String(status)}`)
  return {
    request: Buffer.from(request ?? '', 'base64'),
    status: known,
    etag: etag ?? undefined,
    location: location ?? undefined,
    json: typeof json === 'string' ? Buffer.from(json, 'base64') : undefined,
  }
}

/** Stores an answer; the caller has found none under this key in the transaction. */
export async function keepAnswer(
  key: Uint8Array,
  { request, status, etag, location, json }: StoredAnswer,
  statement: Statement,
): Promise<void> {
  await statement(
    `insert into ${ownTables.answers} (key, request, status, etag, location, json, expires_at)
     values ($1, $2, $3, $4, $5, $6, now() + interval '${KEPT}')`,
    [key, request, status, etag, location, json],
  )
}

/** How often expired answers are deleted, and at most how many at once. */
const SWEEP_EVERY_MS = 60_000
const MAX_SWEPT = 1_000

/** Deletes expired answers. Several writers share the work. */
export class AnswerSweep implements Part {
  readonly name = 'sweep of stored answers'
  readonly #loop: RunLoop

  constructor(connection: Pick<DatabaseConnection, 'control'>, clock: Clock, log: Log) {
    this.#loop = new RunLoop({
      attempt: async (signal) => {
        await clock.sleep(SWEEP_EVERY_MS, signal)
        if (signal.aborted) return
        await connection.control((session) =>
          session.query(
            'transaction',
            `delete from ${ownTables.answers} where key = any(array(select key from ${ownTables.answers}
             where expires_at < now() order by expires_at limit ${MAX_SWEPT} for update skip locked))`,
          ),
        )
      },
      onFailure: (err) => {
        log.warn({ err }, 'cannot delete expired answers')
        return 'retry'
      },
      clock,
      backoff: new Backoff({ firstMs: SWEEP_EVERY_MS, maxMs: SWEEP_EVERY_MS }, Math.random),
    })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }
}
