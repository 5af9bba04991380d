import type { Admin, Collection, Db, GridFSBucket, MongoClient } from 'mongodb'

/** What an attack gets: everything that the driver's own client leads to. */
export interface Target {
  readonly client: MongoClient
  readonly db: Db
  /** A collection that holds `{_id: 1, a: 1}` and `{_id: 2, a: 2}`. */
  readonly docs: Collection
  readonly admin: Admin
  readonly files: GridFSBucket
}

/**
 * What happens when a reader's user does it and nothing of the guard is in the way. `denied`: code 13. `invalid`: the
 * server (of this version) refuses it for everybody. `no error`: nobody hears of one, either because nobody waits for
 * the answer, or because it changes nothing and only runs foreign code in the server. Data never changes.
 */
export type ByRole = 'denied' | 'invalid' | 'no error'

/** One way to write with the driver, tried at every layer where it applies. */
export interface Attack {
  readonly name: string
  /** The driver's methods that this attack is the try of, as `Class.method`. */
  readonly methods?: readonly string[]
  readonly byRole: ByRole
  readonly run: (target: Target) => Promise<unknown>
}

/** One row of the table. */
export function attack(
  name: string,
  run: Attack['run'],
  methods: readonly string[] = [name],
  byRole: ByRole = 'denied',
): Attack {
  return { name, run, methods, byRole }
}
