import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadCollections } from '@freshet/documents'
import { openReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import { openTestDatabase, seededRandom, silentLog, type TestDatabase } from '@freshet/testkit'
import { Decimal128, Double, Int32, Long, ObjectId, UUID } from 'mongodb'
import type { Binary } from 'mongodb'
import type { Question, Verdict } from '../../src/audit/contract.ts'
import { judge } from '../../src/audit/judge.ts'
import { Auditor } from '../../src/audit/auditor.ts'
import { HttpReader } from '../../src/audit/http-reader.ts'
import { MongoTruth } from '../../src/audit/mongo-truth.ts'
import { devLineOf } from './dev-line.ts'
import { Program } from './program.ts'

const access = { 'x-access': { read: 'public', write: 'authenticated' }, type: 'object' }

/** One collection for each id type. */
const files = {
  products: access,
  things: { ...access, 'x-id': 'objectid', 'x-collection': 'allThings' },
  numbered: { ...access, 'x-id': 'integer' },
  marks: { ...access, 'x-id': 'uuid' },
}

const perCollection = 12

/** Stored ids of every collection, in the types that foreign writers use. */
const idsOf: Readonly<Record<keyof typeof files, readonly Moving['_id'][]>> = {
  products: Array.from({ length: perCollection }, (_, n) => `p-${n}`),
  things: Array.from({ length: perCollection }, () => new ObjectId()),
  // Four types can hold a number; the stored one is that of the latest writer.
  numbered: Array.from({ length: perCollection }, (_, n) => [
    new Int32(n - 4),
    Long.fromNumber(n - 4),
    new Double(n - 4),
    Decimal128.fromString(String(n - 4)),
  ]).flat(),
  marks: Array.from({ length: perCollection }, (): Binary => new UUID()),
}

interface Moving {
  readonly _id: string | Int32 | Long | Double | Decimal128 | ObjectId | Binary
  readonly n: number
  readonly text: string
}

/** Creates and changes documents of every collection until disposed; occasionally deletes one and recreates it. */
async function moveData(
  db: TestDatabase,
): Promise<AsyncDisposable & { readonly state: { paused: boolean } }> {
  const random = seededRandom(5)
  const names = ['products', 'things', 'numbered', 'marks'] as const
  const places = names.flatMap((name) => idsOf[name].map((_id) => ({ name, _id })))
  let n = 0
  const put = async ({ name, _id }: (typeof places)[number]): Promise<void> => {
    n += 1
    const stored = name === 'things' ? 'allThings' : name
    const collection = db.admin.db('shop').collection<Moving>(stored)
    if (n % 10 === 0) await collection.deleteOne({ _id })
    else await collection.replaceOne({ _id }, { n, text: 'täxt "1.0"' }, { upsert: true })
  }
  for (const place of places) await put(place)
  const state = { moving: true, paused: false }
  const mover = (async () => {
    while (state.moving) {
      // The database may be down, or in an election.
      if (!state.paused) await put(random.pick(places)).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })()
  return {
    state,
    [Symbol.asyncDispose]: async () => {
      state.moving = false
      await mover
    },
  }
}

/** A writer and readers over a real database with a collection for each id type, and what an audit of them needs. */
export async function openAuditedRun(readers = 1) {
  const db = await openTestDatabase({ own: true })
  const folder = mkdtempSync(join(tmpdir(), 'freshet-audited-'))
  for (const [name, file] of Object.entries(files))
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(file))
  const dev = new Program(
    [
      'dev',
      '--json',
      '--port=0',
      '--ephemeral',
      `--readers=${readers}`,
      '--deliveries=0',
      '--database=shop',
      `--collections=${folder}`,
    ],
    undefined,
    { env: { FRESHET_DB: db.adminUri } },
  )
  const moving = await moveData(db)
  const line = devLineOf(await dev.json())
  const running: unknown = JSON.parse(readFileSync(join(dev.cwd, '.freshet', 'running.json'), 'utf8'))
  const auditor = String(Object(running).addresses.auditor)
  const collections = await loadCollections(folder)
  const connection = await openReadConnection({
    uri: auditor,
    database: 'shop',
    appName: 'test',
    log: silentLog,
  })
  const truth = new MongoTruth(connection, collections, systemClock)
  return {
    db,
    dev,
    folder,
    auditor,
    truth,
    readers: line.readers,
    management: line.management.readers,
    moving,
    /** Audits these readers within this process, for this many milliseconds or until the signal aborts. */
    audit: (urls: readonly string[], until: number | AbortSignal) =>
      new Auditor({
        truth,
        readers: urls.map((url) => new HttpReader(url, line.token)),
        collections: [...collections.keys()],
        clock: systemClock,
        random: seededRandom(11).next,
        concurrency: 2,
        pauseMs: 5,
      }).run(typeof until === 'number' ? AbortSignal.timeout(until) : until),
    /** One question to one reader, compared with the database. */
    ask: async (url: string, question: Question): Promise<Verdict> => {
      const answer = await new HttpReader(url, line.token).ask(question)
      if (answer.position === undefined) throw new Error(`answered ${answer.status} ${answer.problem}`)
      return judge(question, answer, await truth.at(answer.position, question.collection, question.ids))
    },
    [Symbol.asyncDispose]: async () => {
      await moving[Symbol.asyncDispose]()
      await connection.close()
      await dev[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}
