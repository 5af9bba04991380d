import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { etagOf, loadCollections } from '@freshet/documents'
import { systemClock } from '@freshet/kit'
import { eventually, seededRandom } from '@freshet/testkit'
import { Client } from 'pg'
import { Auditor } from '../src/audit/auditor.ts'
import { HttpReader } from '../src/audit/http-reader.ts'
import { PostgresTruth } from '../src/audit/postgres-truth.ts'
import { devLineOf, type DevLine } from './support/dev-line.ts'
import { openLiar, type AskedFor, type Lie, type Told } from './support/liar.ts'
import { Program } from './support/program.ts'
import { bodyOf, isDocument, isSeveral, placed, saying, shifted, toldAt, withBody } from './support/told.ts'

const access = { 'x-access': { read: 'public', write: 'authenticated' }, type: 'object' }
const files = { products: access, numbered: { ...access, 'x-id': 'integer' } }
const ids = {
  products: Array.from({ length: 12 }, (_, n) => `p-${n}`),
  numbered: Array.from({ length: 12 }, (_, n) => String(n)),
}

const folder = mkdtempSync(join(tmpdir(), 'freshet-audited-'))
let dev: Program
let line: DevLine
let truth: PostgresTruth
let admin: Client
const state = { moving: true }
let mover: Promise<void>

/** Writes with SQL: documents, several at once, deletions. */
async function move(): Promise<void> {
  const random = seededRandom(5)
  for (let n = 0; state.moving; n += 1) {
    const name = random.pick(['products', 'numbered'] as const)
    const id = random.pick(ids[name])
    const text = JSON.stringify({ n, text: 'täxt' })
    if (n % 10 === 0) await admin.query(`delete from ${name} where id = $1`, [id])
    else if (n % 7 === 0) await admin.query(`update ${name} set document = $1`, [text])
    else
      await admin.query(
        `insert into ${name} values ($1, $2) on conflict (id) do update set document = excluded.document`,
        [id, text],
      )
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

beforeAll(async () => {
  for (const [name, file] of Object.entries(files))
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(file))
  dev = new Program([
    'dev',
    '--json',
    '--port=0',
    '--ephemeral',
    '--readers=1',
    '--deliveries=0',
    '--no-sample',
    '--database=shop',
    '--database-kind=postgres',
    `--collections=${folder}`,
  ])
  line = devLineOf(await dev.json())
  const running: unknown = JSON.parse(readFileSync(join(dev.cwd, '.freshet', 'running.json'), 'utf8'))
  const { addresses } = Object(running)
  const address = new URL(String(addresses.admin))
  address.pathname = '/shop'
  admin = new Client({ connectionString: address.href })
  await admin.connect()
  mover = move()
  truth = await PostgresTruth.open({
    uri: String(addresses.auditor),
    publication: 'freshet',
    collections: await loadCollections(folder),
    clock: systemClock,
  })
}, 120_000)

afterAll(async () => {
  state.moving = false
  await mover
  await truth[Symbol.asyncDispose]()
  await admin.end()
  await dev[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const reader = (): string => line.readers[0] ?? ''

const auditorOf = (urls: readonly string[]) =>
  new Auditor({
    truth,
    readers: urls.map((url) => new HttpReader(url, line.token)),
    collections: Object.keys(files),
    clock: systemClock,
    random: seededRandom(11).next,
    concurrency: 2,
    pauseMs: 5,
  })

const one: (told: Told, asked: AskedFor) => boolean = (told, asked) => isDocument(told) && !isSeveral(asked)

/** The first body of each address, for ever: what a reader serves that has missed a change. */
const kept = new Map<string, string>()

const lies: Readonly<Record<string, Lie>> = {
  'a missed change': (told, asked) => {
    if (!isDocument(told) || asked.method !== 'GET') return told
    const first = kept.get(asked.url) ?? bodyOf(told)
    kept.set(asked.url, first)
    if (first === bodyOf(told)) return told
    const old = withBody(told, first)
    return isSeveral(asked) ? old : saying(old, 'etag', etagOf(Buffer.from(first)))
  },
  'a different digit': (told) =>
    isDocument(told)
      ? withBody(
          told,
          bodyOf(told).replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10)),
        )
      : told,
  'an existing document reported as absent': (told, asked) =>
    one(told, asked)
      ? withBody({ ...told, status: 404 }, '{"type":"https://freshet.dev/problems/not-found"}')
      : told,
  'a torn multi-get': (told, asked) =>
    isDocument(told) && isSeveral(asked)
      ? withBody(
          told,
          bodyOf(told).replace(/"n":(\d+)/, (_, n) => `"n":${Number(n) - 1}`),
        )
      : told,
  'frozen, with Age 0': async (told, asked) => {
    frozen ??= await truth.now()
    if (asked.headers['freshet-at-least'] !== undefined)
      return { status: 503, headers: {}, body: Buffer.alloc(0) }
    return saying(
      await toldAt(truth, asked, frozen.source ?? '', frozen.position, 0),
      'cache-status',
      'freshet; hit',
    )
  },
  'an unknown source': (told) => placed(told, ({ at }) => `0badc0de.${at}`),
  backwards: (told, { turn }) => (turn % 2 === 0 ? told : shifted(told, -100_000n)),
  'far ahead': (told) => shifted(told, 1n << 40n),
}
let frozen: Awaited<ReturnType<PostgresTruth['now']>> | undefined

test('P2 on PostgreSQL every kind of lying reader is detected, and the honest one passes', async () => {
  const liars = await Promise.all(
    Object.entries(lies).map(async ([name, lie]) => ({ name, liar: await openLiar(reader(), lie) })),
  )
  const auditor = auditorOf([reader(), ...liars.map(({ liar }) => liar.url)])
  const enough = new AbortController()
  // However many lies were told: on a busy machine, those of some moments cannot be checked.
  const found = eventually(() => {
    const { readers } = auditor.summary
    const believed = liars.filter(({ liar }) => (readers[liar.url]?.wrong ?? 0) === 0)
    expect(believed.map(({ name }) => name)).toEqual([])
    expect(readers[reader()]?.audited).toBeGreaterThan(20)
    expect(readers[reader()]?.unproved).toEqual([])
  }).finally(() => enough.abort())
  const { readers, outcome, examples } = await auditor.run(enough.signal)
  await found
  for (const { liar } of liars) await liar[Symbol.asyncDispose]()
  expect(examples.filter((example) => example.reader === reader())).toEqual([])
  expect(readers[reader()]).toMatchObject({ wrong: 0 })
  expect(outcome).toBe('wrong')
})

test('the command audits PostgreSQL, and leaves no slot behind', async () => {
  await using program = new Program(['audit', '--json', '--for=2s'], dev.cwd)
  const { code, printed, said } = await program.outcome
  expect([code, said]).toEqual([0, ''])
  expect(JSON.parse(printed)).toMatchObject({ outcome: 'right', wrong: 0 })
  // That of the reader, and that of this test's own audit.
  await eventually(async () =>
    expect((await admin.query('select from pg_replication_slots')).rowCount).toBe(2),
  )
})
