import { describeChangeSource, type BenchWrite, type SourceBench } from '@freshet/change-stream/conformance'
import { systemClock } from '@freshet/kit'
import { HeldWriter, heldCommits } from '@freshet/postgres'
import type { IdType } from '@freshet/protocol'
import { CutProxy } from '@freshet/testkit'
import { postgresSource } from '../src/index.ts'
import { openDatabase, publication } from './support/open-database.ts'

const collections: ReadonlyMap<string, IdType> = new Map([['products', 'string']])

const tables = [
  'create table products (id text primary key, value integer)',
  'create table elsewhere (id serial primary key)',
]

/** Two servers behind one address. */
async function openBench(): Promise<SourceBench> {
  const db = await openDatabase({ collections, tables, settings: heldCommits })
  const other = await openDatabase({ collections, tables })
  const proxy = await CutProxy.open(db.server.port)
  const uri = (port: number): string => db.uri.replace(`:${db.server.port}/`, `:${port}/`)
  const { source, reads, close } = postgresSource({
    uri: uri(proxy.port),
    appName: 'test',
    publication,
    collections,
    clock: systemClock,
    options: { proveEveryMs: 50 },
  })
  const writer = await HeldWriter.open(db)
  const held = await HeldWriter.open(db)
  let writing = writer
  let released: Promise<void> | undefined
  const one = async ({ kind, id, ...write }: BenchWrite): Promise<void> => {
    if (kind === 'delete') await writing.query('delete from products where id = $1', [id])
    else {
      const update = 'on conflict (id) do update set value = excluded.value'
      const value = 'value' in write ? write.value : undefined
      await writing.query(`insert into products values ($1, $2) ${update}`, [id, value])
    }
  }
  return {
    source,
    reads: {
      read: async (...args) => {
        await released
        return await reads.read(...args)
      },
      head: (signal) => reads.head(signal),
      check: (names, signal) => reads.check(names, signal),
    },
    hold: () => {
      writing = held
      held.hold()
      return () => {
        writing = writer
        released = held.release()
      }
    },
    forgets: true,
    collection: 'products',
    valueOf: (document) => JSON.parse(Buffer.from(document).toString()).value,
    write: async (...writes) => {
      const [only] = writes
      if (only && writes.length === 1) return await one(only)
      await writing.query('begin')
      for (const write of writes) await one(write)
      await writing.query('commit')
    },
    writeElsewhere: async () => {
      await db.admin.query('insert into elsewhere default values')
    },
    drop: async () => {
      await db.admin.query('truncate products')
    },
    cut: async () => {
      const statement = `select pg_terminate_backend(pid) from pg_stat_replication`
      await db.admin.query(statement)
    },
    becomeAnother: async () => proxy.redirectTo(other.server.port),
    [Symbol.asyncDispose]: async () => {
      await close()
      await Promise.all([writer.close(), held.close()])
      await proxy[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
    },
  }
}

describeChangeSource('PostgreSQL', openBench)
