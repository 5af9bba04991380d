import { ConfigError, defineOptions, flag, ms, REQUIRED, secret, text } from '@freshet/kit'
import { defineCommand } from './command.ts'
import { databaseName } from './database-name.ts'
import { kindOf } from './dev/run-database.ts'
import { exitCodes } from './exit-codes.ts'

const migrateOptions = defineOptions({
  db: secret('db', REQUIRED, 'Address of MongoDB or PostgreSQL with a user that may create roles and users.'),
  database: databaseName(REQUIRED),
  collections: text('collections', 'collections', 'The directory of the collection files.'),
  messages: flag('messages', 'Also creates what messages need. A database that has it keeps it.'),
  users: text(
    'users',
    undefined,
    'A directory with addresses of users (ROLE/mongodb-uri or ROLE/postgres-uri), which get these names and passwords.',
  ),
  initiate: flag('initiate', 'First makes a server without a replica set one of a single member.'),
  waitMs: ms('wait', 0, 'How long to wait for a database that does not answer.'),
  json: flag('json', 'Prints one JSON line.'),
})

/** `freshet migrate`: creates what writer and readers need in a database. */
export const migrateCommand = defineCommand({
  name: 'migrate',
  summary: 'Creates collections, control documents, roles and one user per role. Idempotent.',
  options: migrateOptions,
  async run({ db, database, collections: folder, messages, users, initiate, waitMs, json }, context) {
    const { createAll } = await import('./run-migration.ts')
    const { changes, addresses } = await createAll({
      db,
      database,
      folder,
      messages,
      usersFolder: users,
      initiates: initiate,
      waitMs,
      clock: context.clock,
      readFile: context.readFile,
      signal: context.stopped,
    })
    if (json) context.print(JSON.stringify({ changes, addresses }))
    else context.print(formatChanges(changes, addresses))
    return exitCodes.done
  },
})

/** `freshet timeline new`: required after every restore. */
export const timelineCommand = defineCommand({
  name: 'timeline new',
  summary: 'Starts a new timeline for a database in MongoDB. Required after every restore.',
  options: defineOptions({
    db: secret('db', REQUIRED, 'Address of MongoDB with a user that may create roles and users.'),
    database: databaseName(REQUIRED),
  }),
  async run({ db, database }, context) {
    if (kindOf(db) === 'postgres')
      throw new ConfigError(
        'CONFLICT',
        '--db-file: PostgreSQL begins a new timeline by itself when a restore ends its recovery. There is nothing to do.',
      )
    const { renameTimeline } = await import('@freshet/migration')
    context.print(await renameTimeline(db, database, context.stopped))
    return exitCodes.done
  },
})

function formatChanges(changes: readonly string[], addresses: Readonly<Record<string, string>>): string {
  if (changes.length === 0) return 'Nothing to do.'
  const lines = Object.entries(addresses).map(([user, uri]) => `${user}: ${uri}`)
  const note = lines.length === 0 ? [] : ['', 'Addresses of new users, shown only once:', ...lines]
  return [...changes, ...note].join('\n')
}
