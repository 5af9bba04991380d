import { expect, test } from '@jest/globals'
import { Hearing } from '@freshet/change-stream/conformance'
import { systemClock } from '@freshet/kit'
import type { IdType } from '@freshet/protocol'
import { CutProxy, eventually } from '@freshet/testkit'
import { Client } from 'pg'
import { postgresSource } from '../src/index.ts'
import { openDatabase, publication } from './support/open-database.ts'

const collections: ReadonlyMap<string, IdType> = new Map([['products', 'string']])
const { signal } = new AbortController()

test('P20 a promoted standby is another source, and until it is promoted nothing is lost', async () => {
  await using db = await openDatabase({
    collections,
    tables: ['create table products (id text primary key)'],
  })
  await using standby = await db.server.copyForStandby()
  await standby.start()
  await using proxy = await CutProxy.open(db.server.port)
  const { source, reads, close } = postgresSource({
    uri: db.uri.replace(`:${db.server.port}/`, `:${proxy.port}/`),
    appName: 'test',
    publication,
    collections,
    clock: systemClock,
    options: { proveEveryMs: 50 },
  })
  const origin = await source.start(signal)
  const heard = new Hearing(source, origin)
  await db.admin.query(`insert into products values ('replicated')`)
  await heard.until(() => heard.changes.length > 0)
  const admin = new Client({ connectionString: standby.uri() })
  await admin.connect()
  await eventually(async () => expect((await admin.query('select from products')).rowCount).toBe(1))
  await db.server.stop('kill')
  proxy.redirectTo(standby.port)
  expect(await heard.failure()).toMatchObject({ code: 'DISCONNECTED', lost: false })
  const again = { source: origin.source, at: heard.batches.at(-1)?.through ?? origin.at }
  const standbyAnswer =
    /DISCONNECTED: could not .*: expected a primary, got 127\.0\.0\.1:\d+: a standby \(Promote the standby/
  const resume = () => source.read(again, signal)[Symbol.asyncIterator]().next()
  await expect(resume()).rejects.toThrow(standbyAnswer)
  await expect(source.start(signal)).rejects.toThrow(standbyAnswer)
  await admin.query('select pg_promote()')
  await expect(resume()).rejects.toMatchObject({ code: 'SOURCE_CHANGED', lost: true })
  const next = await source.start(signal)
  expect(next.source).not.toBe(origin.source)
  // A read of the new primary is reached by its feed.
  const following = new Hearing(source, next)
  const reply = await reads.read(next.at, 'products', ['replicated'], signal)
  if (reply.kind !== 'fenced') throw new Error(`expected a fenced reply, got ${reply.kind}`)
  expect([...reply.documents.keys()]).toEqual(['replicated'])
  await following.until(() => following.batches.some(({ through }) => through >= reply.until))
  await following.stop()
  await close()
  await eventually(async () =>
    expect((await admin.query('select from pg_replication_slots')).rowCount).toBe(0),
  )
  await admin.end()
})
