import { loadCollections } from '@freshet/documents'
import { storedNameFault } from '@freshet/mongodb-rules'
import { defineOptions, flag, REQUIRED, secret, text } from '@freshet/kit'
import { migrate, renameTimeline, withCredentials } from '@freshet/migration'
import { defineCommand } from './command.ts'
import { databaseName } from './database-name.ts'
import { exitCodes } from './exit-codes.ts'

const where = {
  db: secret('db', REQUIRED, 'The address of MongoDB with a user that may create roles and users.'),
  database: databaseName(REQUIRED),
}

const migrateOptions = defineOptions({
  ...where,
  collections: text('collections', 'collections', 'The folder of the collection files.'),
  json: flag('json', 'Prints one JSON line.'),
})

/** `freshet migrate`: brings a database into the form that writer and readers need. */
export const migrateCommand = defineCommand({
  name: 'migrate',
  says: 'Makes collections, control documents, roles and one user per role; safe to run again.',
  options: migrateOptions,
  async run({ db, database, collections: folder, json }, world) {
    const collections = [...(await loadCollections(folder, storedNameFault)).values()].map(
      ({ stored }) => stored,
    )
    const { changes, passwords } = await migrate({
      uri: db,
      database,
      collections,
      passwords: {},
      signal: world.stopped,
    })
    const addresses = Object.fromEntries(
      Object.entries(passwords).map(([user, password]) => [
        user,
        withCredentials(db, { user, password, database }),
      ]),
    )
    if (json) world.print(JSON.stringify({ changes, addresses }))
    else world.print(inWords(changes, addresses))
    return exitCodes.done
  },
})

/** `freshet timeline new`: a step of every restore. */
export const timelineCommand = defineCommand({
  name: 'timeline new',
  says: 'Gives the history behind the address a new name; do it after every restore.',
  options: defineOptions(where),
  async run({ db, database }, world) {
    world.print(await renameTimeline(db, database, world.stopped))
    return exitCodes.done
  },
})

function inWords(changes: readonly string[], addresses: Readonly<Record<string, string>>): string {
  if (changes.length === 0) return 'Nothing to do.'
  const made = Object.entries(addresses).map(([user, uri]) => `${user}: ${uri}`)
  const note = made.length === 0 ? [] : ['', 'Addresses of new users; they are shown this once:', ...made]
  return [...changes, ...note].join('\n')
}
