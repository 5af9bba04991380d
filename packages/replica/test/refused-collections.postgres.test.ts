import { expect, test } from '@jest/globals'
import { postgresSource, setUpStatements } from '@freshet/change-stream-postgres'
import { systemClock } from '@freshet/kit'
import { TestDatabase, testUser } from '@freshet/postgres'
import type { IdType } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import { createReplica } from '../src/create-replica.ts'
import { defaultReplicaOptions } from '../src/options.ts'
import { asText, silentLog } from './support/bench.ts'

const publication = 'freshet'
const collections: ReadonlyMap<string, IdType> = new Map([['products', 'string']])

test('R9 a table that was refused for a missing right is served after the grant, without a change of its definition', async () => {
  await using db = await TestDatabase.open({
    statements: [
      'create table products (id text primary key, value integer)',
      `insert into products values ('a', 1)`,
      ...setUpStatements({ publication, user: testUser, collections }),
    ],
  })
  const { source, reads, close } = postgresSource({
    uri: db.uri,
    appName: 'test',
    publication,
    collections,
    clock: systemClock,
  })
  await using replica = createReplica({
    source,
    reads,
    ended: close,
    collections,
    encoder: asText,
    options: defaultReplicaOptions,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
  })
  await replica.start()
  expect((await replica.get('products', 'a')).values).toEqual(['{"id":"a","value":1}'])
  await db.admin.query(`revoke select on products from ${testUser}`)
  await db.admin.query('alter table products add column more integer')
  await eventually(async () =>
    expect(replica.get('products', 'a')).rejects.toMatchObject({ code: 'COLLECTION_NOT_EXACT' }),
  )
  await db.admin.query(`update products set value = 2`)
  await db.admin.query(`grant select on products to ${testUser}`)
  const answer = await eventually(async () => await replica.get('products', 'a'))
  expect(answer.values).toEqual(['{"id":"a","value":2,"more":null}'])
  expect(replica.status()).toMatchObject({ epoch: 1, refusedCollections: {} })
})
