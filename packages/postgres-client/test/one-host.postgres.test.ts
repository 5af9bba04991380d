import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startPostgres, type Postgres } from '@freshet/postgres'
import { asIfAlike, CutProxy, replacing, splitAddress } from '@freshet/testkit'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectorFor } from '../src/index.ts'
import { addressOf, clientPort, openPair, opened, portOf, promote, run, withinMs } from './support/servers.ts'

let server: Postgres
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server[Symbol.asyncDispose]())

test('H1 a standby at the address of one host is refused', async () => {
  await using standby = await server.copyForStandby()
  await standby.start()
  await expect(connectorFor(standby.uri(), withinMs).client({}).connect()).rejects.toThrow(
    `expected a primary, got 127.0.0.1:${standby.port}: a standby`,
  )
  const uri = `${server.uri()}?target_session_attrs=read-write`
  expect(await clientPort(connectorFor(uri, withinMs))).toBe(server.port)
})

test('H2 connections stay open when the defaults of the server for times change', async () => {
  const connector = connectorFor(server.uri(), withinMs)
  const first = await connector.client({}).connect()
  for (const [name, value] of [
    ['TimeZone', 'Asia/Tokyo'],
    ['DateStyle', 'SQL, DMY'],
  ]) {
    await first.query(`alter database postgres set ${name} = '${value}'`)
    const second = await connector.client({}).connect()
    expect((await first.query('select 1')).rowCount).toBe(1)
    await second.end()
  }
  await first.query('alter database postgres reset all')
  await first.end()
})

/** One host leads to the old primary and the new one in turn. @returns the ports that connections led to. */
async function portsInTurn(alike: boolean): Promise<ReadonlySet<number>> {
  const { primary, standby } = await openPair()
  try {
    await promote(standby)
    await using address = await splitAddress([standby.port, primary.port], {
      each: 1,
      ...(alike && { rewrite: asIfAlike }),
    })
    const connector = connectorFor(addressOf([address], primary), withinMs)
    const pool = opened(connector.pool({ max: 4 }))
    const ports = new Set([await portOf(pool)])
    expect([...ports]).toEqual([standby.port])
    const refusals: string[] = []
    const note = (error: unknown): void => void refusals.push(String(error))
    for (let round = 0; round < 10; round += 1) {
      const held = await Promise.all(Array.from({ length: 4 }, () => pool.connect().catch(note)))
      for (const one of held) {
        if (one === undefined) continue
        ports.add(await portOf(one))
        one.release(true)
      }
    }
    await pool.end()
    const old = `127.0.0.1:${address.port}: a primary on timeline 1, older than 2, which was seen`
    if (ports.size === 1)
      expect(new Set(refusals)).toEqual(new Set([`PrimaryError: expected a primary, got ${old}`]))
    return ports
  } finally {
    await Promise.all([primary.close(), standby.close()])
  }
}

test('H3 if one host leads to an old primary too, connections to it are refused', async () => {
  expect((await portsInTurn(false)).size).toBe(1)
})

test('H3 the same test finds connections to both if all servers say that they are the same one', async () => {
  expect((await portsInTurn(true)).size).toBe(2)
})

test('H2 if one host leads to two servers, connections to the one before are broken', async () => {
  await using other = await startPostgres()
  await run(other.uri(), `alter user postgres password '${new URL(server.uri()).password}'`)
  await using address = await splitAddress([server.port, other.port], { each: 1 })
  const connector = connectorFor(addressOf([address], server), withinMs)
  const first = connector.client({})
  await first.connect()
  expect(await portOf(first)).toBe(server.port)
  const broken = new Promise((resolve) => first.once('end', resolve))
  expect(await clientPort(connector)).toBe(other.port)
  await broken
  await expect(portOf(first)).rejects.toThrow()
})

test('H1 a user who may not ask what the server is gets a remedy', async () => {
  await using own = await startPostgres()
  await run(own.uri(), `create user limited password 'limited'`)
  const connector = connectorFor(own.uri('postgres', 'limited', 'limited'), withinMs)
  expect(await clientPort(connector)).toBe(own.port)
  await run(own.uri(), 'revoke execute on function pg_control_system() from public')
  const refused = {
    code: '42501',
    message:
      'permission denied for function pg_control_system: grant EXECUTE on it to the user, which asks each server what it is',
  }
  await expect(connector.client({}).connect()).rejects.toMatchObject(refused)
  await expect(connector.pool({}).connect()).rejects.toMatchObject(refused)
  await run(own.uri(), 'grant execute on function pg_control_system() to limited')
  expect(await clientPort(connector)).toBe(own.port)
})

test('H7 a session without the settings that were sent is refused, as a pooler gives it', async () => {
  const options = '-c synchronous_commit=off'
  const shown = async (uri: string): Promise<unknown> => {
    const client = connectorFor(uri, withinMs).client({ options })
    await client.connect()
    const { rows } = await client.query('show synchronous_commit')
    await client.end()
    return rows
  }
  expect(await shown(server.uri())).toEqual([{ synchronous_commit: 'off' }])
  await using pooler = await splitAddress([server.port], { each: 1, rewrite: replacing(/ ?-c [^\0]*/, '') })
  const uri = addressOf([pooler], server)
  await expect(shown(uri)).rejects.toThrow(
    /expected a session with the settings that were sent, .* not to a pooler/,
  )
  const pool = connectorFor(uri, withinMs).pool({})
  await expect(pool.connect()).rejects.toThrow('expected a session')
})

test('H4 connect_timeout limits one host too', async () => {
  await using silent = await CutProxy.open(server.port)
  silent.blackHole()
  const connector = connectorFor(addressOf([silent], server, '?connect_timeout=1'), 3_600_000)
  await expect(connector.client({}).connect()).rejects.toThrow('timeout expired')
  await expect(connector.pool({}).connect()).rejects.toThrow('timeout expired')
})

test('H1 a Unix socket is asked like a host', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-socket-'))
  try {
    await chmod(folder, 0o777)
    await using own = await startPostgres({ settings: { unix_socket_directories: folder } })
    const { username, password } = new URL(own.uri())
    for (const uri of [
      `postgres://${username}:${password}@${encodeURIComponent(folder)}:${own.port}/postgres`,
      `postgres://${username}:${password}@/postgres?host=${folder}&port=${own.port}`,
    ]) {
      const connector = connectorFor(uri, withinMs)
      expect(await clientPort(connector)).toBe(own.port)
      expect(await connector.ask()).toMatchObject([{ host: { host: folder }, seen: { timeline: 1 } }])
    }
    await own.stop('kill')
    const uri = `postgres://${username}@/postgres?host=${folder}&port=${own.port}`
    await expect(connectorFor(uri, withinMs).client({}).connect()).rejects.toThrow(join(folder, '.s.PGSQL.'))
  } finally {
    await rm(folder, { recursive: true })
  }
})
