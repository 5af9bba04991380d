import { literal, quoted, roleOf, userNames, type UserName } from '@freshet/postgres-rules'
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { canLogIn } from './admin.ts'
import { PostgresMigrationError } from './errors.ts'

/** Passwords to set. An omitted user keeps its password, or gets a random one if it is new. */
export type Passwords = Partial<Readonly<Record<UserName, string>>>

/** What a user may be. The reader's and the auditor's transactions are read-only unless they ask for something else. */
const attributes: Readonly<Record<UserName, string>> = {
  'freshet-reader': 'login replication nosuperuser nocreatedb nocreaterole nobypassrls',
  'freshet-writer': 'login noreplication nosuperuser nocreatedb nocreaterole nobypassrls',
  'freshet-auditor': 'login replication nosuperuser nocreatedb nocreaterole nobypassrls',
}

const readOnly: readonly UserName[] = ['freshet-reader', 'freshet-auditor']

export interface UserSync {
  readonly client: Client
  readonly uri: string
  readonly database: string
  readonly wanted: Passwords
  /** Fails if a user exists with another password. */
  readonly ownOnly: boolean
}

/** Creates missing users, and sets passwords that differ. @throws {PostgresMigrationError} USERS_OF_OTHERS */
export async function syncUsers(sync: UserSync): Promise<{
  readonly changes: readonly string[]
  readonly passwords: Passwords
}> {
  const { client, uri, database, wanted, ownOnly } = sync
  const changes: string[] = []
  const passwords: Partial<Record<UserName, string>> = {}
  for (const name of userNames) {
    const role = roleOf(name, database)
    const { rows } = await client.query(
      `select rolcanlogin and rolreplication = $2 and not (rolsuper or rolcreatedb or rolcreaterole or rolbypassrls)
         as right_attributes,
       exists (select from pg_db_role_setting s where s.setrole = r.oid
         and 'default_transaction_read_only=on' = any(s.setconfig)) as read_only
       from pg_roles r where rolname = $1`,
      [role, name !== 'freshet-writer'],
    )
    const present: { readonly right_attributes: boolean; readonly read_only: boolean } | undefined = rows[0]
    const given = wanted[name]
    const password = given ?? (present === undefined ? randomBytes(18).toString('base64url') : undefined)
    if (password !== undefined) passwords[name] = password
    if (present === undefined) {
      await client.query(
        `create role ${quoted(role)} ${attributes[name]} password ${verifierOf(password ?? '')}`,
      )
      changes.push(`user ${role}`)
    } else {
      if (!present.right_attributes) {
        await client.query(`alter role ${quoted(role)} ${attributes[name]}`)
        changes.push(`attributes of ${role}`)
      }
      if (given !== undefined && !(await canLogIn(uri, { user: role, password: given, database }))) {
        if (ownOnly)
          throw new PostgresMigrationError('USERS_OF_OTHERS', `the user ${role} has another password.`)
        await client.query(`alter role ${quoted(role)} password ${verifierOf(given)}`)
        changes.push(`password of ${role}`)
      }
    }
    if (readOnly.includes(name) && present?.read_only !== true)
      await client.query(`alter role ${quoted(role)} set default_transaction_read_only = on`)
  }
  return { changes, passwords }
}

/**
 * What the server stores of a password (RFC 5803), so that no statement, and so no log of the server, contains the password.
 * https://www.postgresql.org/docs/current/catalog-pg-authid.html
 */
function verifierOf(password: string): string {
  const iterations = 4096
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  const serverKey = hmac('Server Key').toString('base64')
  return literal(`SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`)
}
