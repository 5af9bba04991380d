/** The schema with Freshet's own tables. */
export const ownSchema = 'freshet'

/** Freshet's own tables, quoted by nothing because they need no quotes. */
export const ownTables = {
  /** One row that exists once the migration is complete, with the heartbeat of writers. */
  control: `${ownSchema}.control`,
  /** Answers by idempotency key. */
  answers: `${ownSchema}.answers`,
} as const

/** The users that the migration creates: of readers, of the writer, and of audits. */
export const userNames = ['freshet-reader', 'freshet-writer', 'freshet-auditor'] as const
export type UserName = (typeof userNames)[number]

/** The role of a user. Roles belong to the whole server, so their names contain that of the database. */
export function roleOf(user: UserName, database: string): string {
  return `${user.replace('-', '_')}_${database}`
}

/** The publication that the migration creates. */
export const publicationName = 'freshet'

/** The prefix of the message that the event triggers emit in every transaction that changes a definition. */
export const DDL_PREFIX = 'freshet.ddl'

/** The prefix of the message that moves the log on. */
export const NUDGE_PREFIX = 'freshet.nudge'

/** The prefix of the message that names the cause of the next change in its transaction. */
export const CAUSE_PREFIX = 'freshet.cause'
