import { afterAll, expect, test } from '@jest/globals'
import { startPostgres, type Postgres } from '@freshet/postgres'
import { eventually } from '@freshet/testkit'
import { Client } from 'pg'
import { devLineOf } from './support/dev-line.ts'
import { Program } from './support/program.ts'

const primary = await startPostgres({ settings: { wal_level: 'logical' } })
const standby = await primary.copyForStandby()
await standby.start()
afterAll(() => Promise.all([primary.close(), standby.close()]))

async function ask(server: Postgres, database: string, statement: string): Promise<readonly unknown[][]> {
  const client = new Client({ connectionString: server.uri(database) })
  await client.connect()
  try {
    return (await client.query<unknown[]>({ text: statement, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

interface Written {
  readonly id: string
  readonly position: string
}

test('a run of `dev --db` with several hosts survives a fail-over, and the old primary that comes back, without a restart', async () => {
  const uri = primary.uri().replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`)
  const options = [
    '--port=0',
    '--readers=2',
    '--deliveries=0',
    '--no-sample',
    '--ephemeral',
    '--database=shop',
  ]
  await using dev = new Program(['dev', '--json', `--db=${uri}`, ...options])
  const { writer, readers, token } = devLineOf(await dev.json())
  const family = dev.family()
  let written = 0

  /** Is read back from each reader, by its position. */
  async function write(): Promise<Written> {
    const id = `doc-${(written += 1)}`
    const body = JSON.stringify({ name: id, price: 1, stock: written })
    const stored = await fetch(`${writer}/v1/products/${id}`, {
      method: 'PUT',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        prefer: 'handling=lenient',
      },
      body,
    })
    expect(stored.status).toBe(201)
    const position = stored.headers.get('freshet-position') ?? ''
    for (const reader of readers) {
      const answer = await eventually(async () => {
        const got = await fetch(`${reader}/v1/products/${id}`, { headers: { 'freshet-at-least': position } })
        expect(got.status).not.toBe(503)
        return got
      })
      expect([answer.status, await answer.text()]).toEqual([200, `{"id":"${id}",${body.slice(1)}`])
      expect((answer.headers.get('freshet-position') ?? '') >= position).toBe(true)
    }
    return { id, position }
  }

  const before = [await eventually(write)]
  for (let n = 0; n < 20; n += 1) before.push(await write())
  const last = before.at(-1)
  await eventually(async () =>
    expect(await ask(standby, 'shop', `select from products where id = '${last?.id}'`)).toHaveLength(1),
  )
  await primary.stop('kill')
  await ask(standby, 'shop', 'select pg_promote()')
  const first = await eventually(write)
  const source = (position = ''): string => position.slice(0, 8)
  expect(source(first.position)).not.toBe(source(last?.position))
  for (const reader of readers) {
    const foreign = await fetch(`${reader}/v1/products/${first.id}`, {
      headers: { 'freshet-at-least': last?.position ?? '' },
    })
    expect([foreign.status, await foreign.json()]).toEqual([
      400,
      expect.objectContaining({ type: expect.stringContaining('bad-position') }),
    ])
    for (const { id } of before) {
      const answer = await fetch(`${reader}/v1/products/${id}`, { headers: { 'freshet-at-least': 'now' } })
      expect([answer.status, JSON.parse(await answer.text()).name]).toEqual([200, id])
    }
  }
  await primary.start()
  const after = await Promise.all(Array.from({ length: 20 }, write))
  expect(new Set(after.map(({ position }) => source(position)))).toEqual(new Set([source(first.position)]))
  const there = (await ask(standby, 'shop', 'select id from products')).map(([id]) => id)
  expect(there).toEqual(expect.arrayContaining([...before, first, ...after].map(({ id }) => id)))
  await using audit = new Program(['audit', '--json', '--for=2s'], dev.cwd)
  expect(await audit.outcome).toMatchObject({ code: 0 })
  await using doctor = new Program(['doctor', '--json'], dev.cwd)
  const { printed } = await doctor.outcome
  const findings: readonly Readonly<Record<string, string>>[] = JSON.parse(printed).findings
  expect(findings.find(({ name }) => name === 'hosts')).toMatchObject({
    verdict: 'fault',
    seen: `127.0.0.1:${standby.port}: a primary on timeline 2; 127.0.0.1:${primary.port}: a primary on timeline 1`,
  })
  // The services are the processes of the start.
  expect(dev.family()).toEqual(expect.arrayContaining([...family]))
}, 300_000)
