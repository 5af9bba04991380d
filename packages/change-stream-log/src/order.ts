/**
 * The place of a change in the order of its database, as text that sorts. `undefined` in `commit`: the place of its
 * transaction is not known.
 */
export interface SourceOrder {
  /** Never decreases from one transaction to the next. */
  readonly commit: string | undefined
  /** Never decreases from one change of a row to the next. */
  readonly change: string
}

/** The part of Debezium's envelope that says where a change comes from. */
export type SourceBlock = Readonly<Record<string, unknown>>

/** Long enough for any 64-bit number. */
const DIGITS = 20

/** An unsigned number, also as text, in a form that sorts. */
function digits(value: unknown): string | undefined {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : ''
  return /^\d{1,20}$/.test(text) ? text.padStart(DIGITS, '0') : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/**
 * `source.sequence` is the end of the previous commit and the place of the change. Changes of one row are in the order of
 * their places, because the row is locked until its transaction ends. Changes of different rows are not.
 */
function postgres({ lsn, sequence }: SourceBlock): SourceOrder | undefined {
  const change = digits(lsn)
  const [, previous] = (typeof sequence === 'string' && /^\["(\d+)",/.exec(sequence)) || []
  return change === undefined ? undefined : { commit: digits(previous), change }
}

/**
 * The binary log of one server. With GTIDs, transactions are known by them, and their place is not used: the server that takes
 * over has other places for them, and Debezium goes on there. Nor are GTIDs an order: group replication gives each member a range.
 * The `row` is no part of the place: all statements of a transaction that MySQL has compressed have one, and each counts its rows
 * from 0.
 */
function binaryLog({ server_id, file, pos, gtid }: SourceBlock): SourceOrder | undefined {
  if (text(gtid) !== undefined) return undefined
  const [, number] = /\.(\d+)$/.exec(text(file) ?? '') ?? []
  const [segment, offset] = [digits(number), digits(pos)]
  if (segment === undefined || offset === undefined) return undefined
  const server = typeof server_id === 'number' ? server_id : 0
  const at = `${server}@${segment}/${offset}`
  return { commit: at, change: at }
}

/**
 * The cluster time: seconds and a counter. All changes of a transaction have the same one. Debezium 3.4 and newer report the
 * server's clock instead of the seconds, unless `cursor.pipeline` replaces it.
 */
function mongodb({ ts_ms, ord }: SourceBlock): SourceOrder | undefined {
  const seconds = typeof ts_ms === 'number' ? digits(ts_ms / 1_000) : undefined
  const counter = digits(ord)
  if (seconds === undefined || counter === undefined) return undefined
  const at = `${seconds}/${counter}`
  return { commit: at, change: at }
}

/** Log sequence numbers are three hexadecimal numbers of fixed width. */
function sqlServer({ commit_lsn, change_lsn, event_serial_no }: SourceBlock): SourceOrder | undefined {
  const commit = text(commit_lsn)
  if (commit === undefined) return undefined
  return { commit, change: `${commit}/${text(change_lsn) ?? ''}/${digits(event_serial_no) ?? ''}` }
}

/** System change numbers. */
function oracle({ scn, commit_scn }: SourceBlock): SourceOrder | undefined {
  const change = digits(scn)
  return change === undefined ? undefined : { commit: digits(commit_scn), change }
}

const orders: Readonly<Record<string, (source: SourceBlock) => SourceOrder | undefined>> = {
  postgresql: postgres,
  mysql: binaryLog,
  mariadb: binaryLog,
  mongodb,
  sqlserver: sqlServer,
  oracle,
}

/** `undefined`: the database of this connector has no order that is known here. */
export function orderOf(source: SourceBlock): SourceOrder | undefined {
  return orders[text(source['connector']) ?? '']?.(source)
}

/** Whether `one` is before `other`. Never if they are of different servers. */
export function isBefore(one: string, other: string): boolean {
  const server = (order: string): string => order.slice(0, order.indexOf('@') + 1)
  return one < other && server(one) === server(other)
}
