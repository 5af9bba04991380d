import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { migratePostgres, withCredentials } from '@freshet/migration-postgres'
import { startPostgres } from '@freshet/postgres'
import { join } from 'node:path'
import { runProgram } from '../src/program.ts'

const server = await startPostgres({ settings: { wal_level: 'logical' } })
afterAll(() => server.close())
const collections = join(import.meta.dirname, '../../../collections')
const database = 'shop'

/** `freshet migrate` with a directory that has these addresses, as pods mount it. */
async function migrateWith(addresses: Readonly<Record<string, string>>) {
  let printed = ''
  const code = await runProgram(
    ['migrate', `--collections=${collections}`, `--database=${database}`, '--users=/users'],
    {
      env: { FRESHET_DB: server.uri() },
      cwd: '/nowhere',
      clock: systemClock,
      readFile: (path) => {
        const address = addresses[path.replace(/^\/users\//, '')]
        if (address === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
        return `${address}\n`
      },
      print: (text) => (printed += text),
      say: (text) => (printed += text),
      stopped: new AbortController().signal,
    },
  )
  return { code, printed }
}

const addressOf = (user: string, password: string): string =>
  withCredentials(server.uri(), { user, password, database })

/** Resolves if the users have these passwords, and changes nothing otherwise. */
const expectPasswords = (passwords: Readonly<Record<string, string>>) =>
  migratePostgres({ uri: server.uri(), database, collections: new Map(), passwords, ownUsersOnly: true })

test('migrate --users gives users of PostgreSQL the passwords of their addresses, and prints none', async () => {
  const reader = addressOf('freshet_reader_shop', 'one/1')
  const writer = addressOf('freshet_writer_shop', 'w')
  const first = await migrateWith({
    'freshet-reader/postgres-uri': reader,
    'freshet-writer/postgres-uri': writer,
  })
  expect(first).toEqual({ code: 0, printed: expect.stringContaining('user freshet_reader_shop') })
  expect(first.printed).not.toContain('postgres://')
  await expectPasswords({ 'freshet-reader': 'one/1', 'freshet-writer': 'w' })
  const changed = addressOf('freshet_reader_shop', 'two:2')
  const second = await migrateWith({ 'freshet-reader/postgres-uri': changed })
  expect(second).toEqual({ code: 0, printed: 'password of freshet_reader_shop' })
  await expectPasswords({ 'freshet-reader': 'two:2', 'freshet-writer': 'w' })
  await expect(expectPasswords({ 'freshet-reader': 'one/1' })).rejects.toThrow('another password')
})

test('migrate --users refuses an address with the user of another role before it changes anything', async () => {
  const { code, printed } = await migrateWith({
    'freshet-reader/postgres-uri': addressOf('freshet_writer_shop', 'stolen'),
  })
  expect([code, printed]).toEqual([
    78,
    expect.stringContaining(
      'expected freshet_reader_shop with a password in freshet-reader/postgres-uri, got freshet_writer_shop',
    ),
  ])
  await expect(expectPasswords({ 'freshet-writer': 'stolen' })).rejects.toThrow('another password')
})
