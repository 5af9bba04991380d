import { expect, test } from '@jest/globals'
import type { Postgres } from '@freshet/postgres'
import { asIfAlike, eventually, splitAddress, type SplitAddressOptions } from '@freshet/testkit'
import { Client } from 'pg'
import { openHttpPostgres } from './support/http-postgres.ts'
import { openWriter, type OpenWriter } from './support/open-writer.ts'

/** Sent at the same time, so that they need connections of their own. */
const together = 8

async function ask(server: Postgres, database: string, statement: string): Promise<readonly unknown[][]> {
  const client = new Client({ connectionString: server.uri(database) })
  await client.connect()
  try {
    return (await client.query<unknown[]>({ text: statement, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

/** What a client was told. */
interface Told {
  readonly id: string
  readonly status: number
  readonly source: string
}

let written = 0
async function put(writer: OpenWriter): Promise<Told> {
  const id = `doc-${(written += 1)}`
  const { status, headers } = await writer.send('PUT', `products/${id}`, {
    headers: { prefer: 'handling=lenient' },
    body: { name: id },
  })
  return { id, status, source: String(headers.get('freshet-position')).slice(0, 8) }
}

const putTogether = (writer: OpenWriter): Promise<readonly Told[]> =>
  Promise.all(Array.from({ length: together }, () => put(writer)))

/**
 * A fail-over under writes, after which the old primary comes back as a second one.
 * @returns writes that were acknowledged with a position of the new primary, which does not have them.
 */
async function lostWrites(
  openAddress: (uri: string, old: Postgres, standby: Postgres) => Promise<AsyncDisposable & { uri: string }>,
): Promise<readonly string[]> {
  await using db = await openHttpPostgres()
  await using standby = await db.server.copyForStandby()
  await standby.start()
  await using address = await openAddress(db.uri, db.server, standby)
  await using writer = await openWriter(address.uri, { argv: [`--max-writes=${together}`] })
  const first = await eventually(async () => {
    const told = await put(writer)
    expect(told.status).toBe(201)
    return told
  })
  await eventually(async () =>
    expect(await ask(standby, 'shop', `select from products where id = '${first.id}'`)).toHaveLength(1),
  )
  await db.server.stop('kill')
  expect((await put(writer)).status).toBeGreaterThanOrEqual(503)
  await ask(standby, 'shop', 'select pg_promote()')
  const afterwards = await eventually(async () => {
    const told = await put(writer)
    expect(told.status).toBe(201)
    return told
  })
  expect(afterwards.source).not.toBe(first.source)
  await db.server.start()
  const told = [afterwards]
  for (let round = 0; round < 5; round += 1) told.push(...(await putTogether(writer)))
  const acknowledged = told.filter(({ status, source }) => status === 201 && source === afterwards.source)
  expect(acknowledged.length).toBeGreaterThan(1)
  const stored = new Set((await ask(standby, 'shop', 'select id from products')).map(([id]) => String(id)))
  process.stderr.write(`${acknowledged.length} of ${told.length} writes acknowledged by the new primary\n`)
  return acknowledged.map(({ id }) => id).filter((id) => !stored.has(id))
}

test('W9 with several hosts, a writer goes on at the new primary, and nothing is written to the old one that comes back', async () => {
  const lost = await lostWrites((uri, old, standby) =>
    Promise.resolve({
      uri: uri.replace(`127.0.0.1:${old.port}`, `127.0.0.1:${old.port},127.0.0.1:${standby.port}`),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
  )
  expect(lost).toEqual([])
})

/** One host that leads to both servers. */
const oneHost =
  (options: SplitAddressOptions) =>
  async (uri: string, old: Postgres, standby: Postgres): Promise<AsyncDisposable & { uri: string }> => {
    const address = await splitAddress([old.port, standby.port], options)
    return {
      uri: uri.replace(`:${old.port}/`, `:${address.port}/`),
      [Symbol.asyncDispose]: () => address[Symbol.asyncDispose](),
    }
  }

test.each([3, Infinity])(
  'W9 nothing is written to the old primary even if one host leads to either (%d connections each)',
  async (each) => {
    expect(await lostWrites(oneHost({ each }))).toEqual([])
  },
)

test.each([3, Infinity])(
  'W9 the same test detects such writes if all servers say that they are the same one (%d connections each)',
  async (each) => {
    expect(await lostWrites(oneHost({ each, rewrite: asIfAlike }))).not.toEqual([])
  },
)
