import { examineServer, examineUser, type HostExamination, type Usage } from '@freshet/change-stream-postgres'
import type { Examination, LayerFinding } from '@freshet/guard'
import { postgresUri } from '../postgres-uri.ts'
import { clockFindings } from './database-findings.ts'
import { ok, todo, type Checked } from './finding.ts'

export interface PostgresDoctor {
  readonly uri: string
  readonly database: string
  readonly publication: string
}

const withinMs = 5_000

/** What another reader needs, or the new one during an update. */
const perReader = { slots: 1, walSenders: 1, connections: 12 } as const

/** A server keeps this much of the log for other reasons. */
const largeSlotBytes = 2 ** 30

/** The SQLSTATE of a refusal for lack of a right. */
const DENIED = '42501'

const remedy = 'Use a user with LOGIN, REPLICATION and SELECT only, and default_transaction_read_only = on.'

/** Examines the user of readers on PostgreSQL. @throws {ConfigError | ChangeStreamError} */
export async function examinePostgres({ uri, database, publication }: PostgresDoctor): Promise<Examination> {
  const { user, veto, attempts, rights } = await examineUser(sessionOf({ uri, database }), publication)
  const refused = attempts.length > 0 && attempts.every(({ sqlState }) => sqlState === DENIED)
  const tried = attempts.map(({ table, sqlState, message }) => `${table}: ${sqlState ?? ''} ${message}`)
  const layer = (name: string, stands: boolean, seen: string, ifMissing = remedy): LayerFinding => ({
    layer: name === 'veto' ? 'G3' : 'G4',
    name,
    stands,
    seen,
    remedy: stands ? undefined : ifMissing,
  })
  return {
    user,
    roles: [],
    layers: [
      layer(
        'veto',
        veto !== undefined,
        veto === undefined ? 'an insert was sent' : 'an insert was refused before it was sent',
        'Reinstall Freshet: its statements are not checked.',
      ),
      layer(
        'canary',
        refused,
        attempts.length === 0
          ? `the publication ${publication} has no table to try an insert with`
          : `inserts of no rows in transactions that may write: ${tried.join('; ')}`,
        attempts.length === 0 ? 'Pass the name of the publication as --publication.' : remedy,
      ),
      layer(
        'role',
        rights.length === 0,
        rights.length === 0 ? 'it has no right to write' : rights.join('; '),
      ),
    ],
    grants: rights.map((resource) => ({ resource, action: '', harmless: undefined })),
  }
}

/** Findings about a server that any user may see. @throws {ConfigError | ChangeStreamError} */
export async function postgresFindings(target: PostgresDoctor): Promise<readonly Checked[]> {
  const { publication } = target
  const { version, slots, walSenders, connections, idleSlots, clockAheadMs, hosts } = await examineServer(
    sessionOf(target),
    publication,
  )
  return [
    ok('server', `PostgreSQL ${version}, a primary, wal_level logical, publication ${publication}`),
    ...hostFindings(hosts),
    usageFinding('replication slots', slots, perReader.slots, 'max_replication_slots'),
    usageFinding('WAL senders', walSenders, perReader.walSenders, 'max_wal_senders'),
    usageFinding('connections', connections, perReader.connections, 'max_connections'),
    slotsFinding(idleSlots),
    ...clockFindings([{ name: 'the server', aheadMs: clockAheadMs }]),
  ]
}

function usageFinding(name: string, { used, max }: Usage, needed: number, setting: string): Checked {
  const seen = `${used} of ${max} in use; a reader needs ${needed === 1 ? 'one' : `up to ${needed}`}`
  if (max - used >= needed) return ok(name, seen)
  return todo(
    'warning',
    name,
    seen,
    `Raise ${setting} and restart the server: another reader does not start, nor does the new one during an update.`,
  )
}

function hostFindings(hosts: readonly HostExamination[]): readonly Checked[] {
  const name = 'hosts'
  const seen = hosts.map((one) => `${one.host}: ${one.seen}`).join('; ')
  if (hosts.filter(({ state }) => state === 'primary').length > 1)
    return [
      todo(
        'fault',
        name,
        seen,
        'Stop the primary with the lower timeline and make it a standby: what is written to it is lost.',
      ),
    ]
  if (hosts.some(({ state }) => state === 'unknown'))
    return [
      todo(
        'warning',
        name,
        seen,
        'Start the hosts that do not answer, or take them out of the address: no fail-over leads to them.',
      ),
    ]
  return [ok(name, seen)]
}

/** Readers leave none: their slots are temporary. */
function slotsFinding(idle: readonly { readonly name: string; readonly bytes: number }[]): Checked {
  const name = 'idle slots'
  if (idle.length === 0) return ok(name, 'none')
  const seen = idle
    .map((slot) => `${slot.name}: ${(slot.bytes / 2 ** 20).toFixed(0)} MiB of the log`)
    .join(', ')
  if (idle.every(({ bytes }) => bytes < largeSlotBytes)) return ok(name, seen)
  return todo(
    'warning',
    name,
    seen,
    'If nothing will use it again, `select pg_drop_replication_slot(NAME)`: the log is kept until the disk is full. Set max_slot_wal_keep_size.',
  )
}

const sessionOf = ({ uri, database }: Pick<PostgresDoctor, 'uri' | 'database'>) => ({
  uri: postgresUri('db', uri, database),
  appName: 'freshet doctor',
  withinMs,
})
