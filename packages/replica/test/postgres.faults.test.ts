import { execFile } from 'node:child_process'
import { mkdtemp, rm, rmdir, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { Cache } from '@freshet/cache'
import type { Postgres, TestDatabase } from '@freshet/postgres'
import { CutProxy, eventually } from '@freshet/testkit'
import { Client } from 'pg'
import { KeepsAcrossGaps } from './support/broken.ts'
import { FaultRun } from './support/postgres/fault-run.ts'
import { openDatabase, publication } from './support/postgres/tables.ts'
import type { StressVariant } from './support/stress-replica.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)
const rounds = Number(process.env['FRESHET_TEST_ROUNDS'] ?? 3)

const execute = promisify(execFile)

async function connectTo(server: Postgres): Promise<Client> {
  const client = new Client({ connectionString: server.uri() })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function ask(server: Postgres, statement: string): Promise<readonly (readonly unknown[])[]> {
  const client = await connectTo(server)
  try {
    return (await client.query({ text: statement, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

/** The process that sends the feed. */
async function feedOf(server: Postgres): Promise<number> {
  const statement = `select pid from pg_stat_replication where application_name = 'faults-feed'`
  return Number((await ask(server, statement))[0]?.[0])
}

async function retainsNothing(server: Postgres): Promise<void> {
  await eventually(async () =>
    expect(await ask(server, 'select slot_name from pg_replication_slots')).toEqual([]),
  )
}

/** Disturbs a run, and then compares its state and all its answers with the database. */
async function disturbed(
  db: TestDatabase,
  faults: Readonly<Record<string, (run: FaultRun) => Promise<void>>>,
): Promise<FaultRun> {
  const run = await FaultRun.open({ db, seed })
  try {
    await run.follows()
    for (const [name, fault] of Object.entries(faults)) {
      const { epoch } = run.status
      await fault(run)
      await eventually(() => expect([name, run.status.epoch > epoch]).toEqual([name, true]))
      await run.follows()
    }
    expect(await run.differences()).toEqual([])
    expect(await run.wrong(new Map([[run.status.source, db.server.uri()]]))).toEqual([])
    process.stderr.write(`${Object.keys(faults).join(', ')}: ${JSON.stringify(run.counts)}\n`)
  } finally {
    await run[Symbol.asyncDispose]()
  }
  await retainsNothing(db.server)
  return run
}

test(`R3 faults of the server under load: no answer is wrong, and nothing is retained (seed ${seed})`, async () => {
  await using db = await openDatabase()
  for (let round = 0; round < rounds; round += 1)
    await disturbed(db, {
      // The server ends all its sessions and recovers by itself.
      'kill -9 of the sending process': async () => void process.kill(await feedOf(db.server), 'SIGKILL'),
      'kill -9 of the server': async () => {
        await db.server.stop('kill')
        await db.server.start()
      },
      'fast shut-down': async () => {
        await db.server.stop('fast')
        await db.server.start()
      },
      'end by an administrator': async () => {
        await ask(db.server, `select pg_terminate_backend(${await feedOf(db.server)})`)
      },
      'DROP PUBLICATION': async (run) => {
        const [tables] = await ask(
          db.server,
          `select string_agg(tablename, ', ') from pg_publication_tables where pubname = '${publication}'`,
        )
        await ask(db.server, `drop publication ${publication}`)
        // Other faults may be older.
        const { length } = run.logged
        await ask(db.server, `select pg_terminate_backend(${await feedOf(db.server)})`)
        await eventually(() =>
          expect(run.logged.slice(length).join()).toMatch(/the publication freshet \(Create it/),
        )
        await expect(run.has('not-cached')).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
        await ask(db.server, `create publication ${publication} for table ${String(tables?.[0])}`)
      },
    })
}, 1_200_000)

test('R3 a transaction that is open for longer than max_slot_wal_keep_size allows costs the cache, and no answer', async () => {
  await using db = await openDatabase({
    max_slot_wal_keep_size: '16MB',
    log_min_messages: 'log',
    max_wal_size: '32MB',
    min_wal_size: '32MB',
  })
  await disturbed(db, {
    'max_slot_wal_keep_size exceeded': async () => {
      const open = await connectTo(db.server)
      await open.query(`begin; insert into products (id) values ('open')`)
      for (let segment = 0; segment < 6; segment += 1) await ask(db.server, 'select pg_switch_wal()')
      await ask(db.server, 'checkpoint')
      await eventually(async () =>
        expect(db.server.printed).toMatch(/terminating process \d+ to release replication slot/),
      )
      await open.query('rollback')
      await open.end()
    },
  })
}, 600_000)

/**
 * A fail-over to a standby that had not received the latest transactions. A cache that survives surely shows a product that only the
 * old primary had: it is pinned, and neither written again nor forgotten because a definition has changed.
 */
async function failOver(cacheOf: Required<StressVariant>['cache']): Promise<readonly string[]> {
  const variant: StressVariant = {
    cache: (options) => {
      const cache = cacheOf(options)
      cache.pin('products/lost')
      return cache
    },
  }
  await using db = await openDatabase()
  await using proxy = await CutProxy.open(db.server.port)
  await using standby = await db.server.copyForStandby(proxy.port)
  await standby.start()
  await using run = await FaultRun.open({ db, seed, variant, keepDefinitions: true })
  const recorded = async (server: Postgres): Promise<number> =>
    Number((await ask(server, 'select count(*) from recorded'))[0]?.[0])
  await eventually(async () => expect(await recorded(standby)).toBeGreaterThan(0))
  await run.follows()
  const { source } = run.status
  proxy.blackHole()
  await ask(db.server, `insert into products (id) values ('lost')`)
  await eventually(async () => expect(await run.has('lost')).toBe(true))
  await run.follows()
  expect(await run.has('lost')).toBe(true)
  await db.server.stop('kill')
  // The address may lead to the standby before it is promoted.
  run.switchTo(standby.port, () => connectTo(standby))
  await eventually(() =>
    expect(run.logged.join()).toMatch(/expected a primary, got 127\.0\.0\.1:\d+: a standby/),
  )
  expect(run.status).toMatchObject({ source, state: { kind: 'lagging' } })
  const replicated = await recorded(standby)
  await ask(standby, 'select pg_promote()')
  await eventually(() =>
    expect(run.status).toMatchObject({ resyncs: { SOURCE_CHANGED: 1 }, state: { kind: 'live' } }),
  )
  expect(run.status.source).not.toBe(source)
  // Without a cached value, reads fail as long as the new primary is slow.
  const isShown = await eventually(() => run.has('lost'))
  const revived = isShown ? ['a product that the new primary never had is shown'] : []
  await run.follows()
  const different = await run.differences()
  // Answers from before the fail-over are compared with the old primary.
  await db.server.start()
  expect(await recorded(db.server)).toBeGreaterThan(replicated)
  const wrong = await run.wrong(
    new Map([
      [source, db.server.uri()],
      [run.status.source, standby.uri()],
    ]),
  )
  process.stderr.write(`fail-over: ${JSON.stringify(run.counts)}\n`)
  await run[Symbol.asyncDispose]()
  await retainsNothing(standby)
  return [...revived, ...different, ...wrong]
}

test('R3 after a fail-over that lost transactions no answer is wrong', async () => {
  expect(await failOver((options) => new Cache(options))).toEqual([])
}, 600_000)

test('R3 the same test detects a cache that survives the fail-over', async () => {
  expect(await failOver((options) => new KeepsAcrossGaps(options))).not.toEqual([])
}, 600_000)

const walMegabytes = 64

test('R3 a disk that is full of the log stops the server, and no answer is wrong when it runs again', async () => {
  await using db = await openDatabase({ max_wal_size: '48MB', min_wal_size: '32MB' })
  await db.server.stop('fast')
  // A small file system of its own, which only root can make.
  const disk = await mkdtemp(join(tmpdir(), 'freshet-wal-'))
  await execute('mount', ['-t', 'tmpfs', '-o', `size=${walMegabytes}m`, 'tmpfs', disk])
  const wal = join(db.server.data, 'pg_wal')
  await execute('cp', ['-aT', wal, join(disk, 'wal')])
  await rm(wal, { recursive: true })
  await symlink(join(disk, 'wal'), wal)
  await execute('chown', ['--reference', db.server.data, disk])
  await db.server.start()
  try {
    await disturbed(db, {
      'disk full of the log': async (run) => {
        const ballast = join(disk, 'ballast')
        await execute('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1M']).catch(() => undefined)
        const filler = await connectTo(db.server)
        for (let full = false; !full;)
          full = await filler
            .query(
              `insert into products (id, text) select 'filler' || n, repeat(md5(n::text), 100) from generate_series(1, 20000) n
              on conflict (id) do update set text = excluded.text || 'x'`,
            )
            .then(
              () => false,
              () => true,
            )
        expect(db.server.printed).toMatch(/No space left on device/)
        await eventually(() => expect(run.status.brokenBy).toBe('DISCONNECTED'))
        await rm(ballast)
        await db.server.stop('kill')
        await db.server.start()
        await ask(db.server, `delete from products where id like 'filler%'`)
      },
    })
  } finally {
    await db.server.stop('kill')
    await execute('umount', ['-l', disk])
    await rmdir(disk)
  }
}, 600_000)
