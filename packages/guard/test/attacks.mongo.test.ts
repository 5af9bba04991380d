import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import type { Log } from '@freshet/kit'
import { vetoingClient } from '../src/client.ts'
import type { VetoingClient } from '../src/client.ts'
import { attacks } from './attacks.ts'
import type { ByRole } from './attacks/attack.ts'
import { AttackBench } from './bench.ts'
import type { Outcome } from './bench.ts'

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }
let bench: AttackBench
let untouched: string

beforeAll(async () => {
  bench = await AttackBench.open()
  untouched = await bench.fingerprint()
})
afterAll(() => bench[Symbol.asyncDispose]())

/** As root: only the veto stands between the attack and the data. */
function vetoed(): VetoingClient {
  return vetoingClient({
    uri: bench.uri('root'),
    databases: new Set(['app']),
    appName: 'attacks',
    heartbeatFrequencyMs: 500,
    maxPoolSize: 1,
    connectTimeoutMs: 5_000,
    log: silent,
    onRefusal: undefined,
  })
}

test('G3.5 no attack through the guarded client puts one write on the wire, even as root', async () => {
  const { client, refusals } = vetoed()
  await using _ = client
  const through: string[] = []
  const idle: string[] = []
  const since = await bench.now()
  for (const { name, run, besideVeto } of attacks) {
    if (besideVeto !== undefined) continue
    const refusedBefore = total(refusals.counts())
    const { writes } = await bench.writesSeen(client, run)
    if (writes.length > 0) through.push(`${name}: ${writes.join()}`)
    if (total(refusals.counts()) === refusedBefore) idle.push(name)
  }
  expect(through).toEqual([])
  // An attack that was never refused never was one.
  expect(idle).toEqual([])
  expect(await bench.written(since)).toEqual([])
  expect(await bench.fingerprint()).toBe(untouched)
})

test('G3.5 G4.1 negative control: without the veto every attack is seen on the wire, and the role alone stops it', async () => {
  await using client = new MongoClient(bench.uri('reader'), { maxPoolSize: 1, retryWrites: false })
  const since = await bench.now()
  const unseen: string[] = []
  const surprises: string[] = []
  for (const { name, run, byRole } of attacks) {
    const outcome = await bench.writesSeen(client, run)
    if (outcome.writes.length === 0) unseen.push(name)
    if (answerOf(outcome) !== byRole)
      surprises.push(`${name}: ${answerOf(outcome)}, ${String(outcome.error)}`)
  }
  expect(surprises).toEqual([])
  expect(unseen).toEqual([])
  // The server's own word: in the log for its members, and in that of its profiler.
  expect(await bench.written(since)).toEqual([])
  expect(new Set(await bench.done('reader'))).toEqual(new Set(harmlessByRole))
  expect(await bench.fingerprint()).toBe(untouched)
})

test('G3.5 G4.1 negative control: where neither veto nor role stands, attacks do change the database', async () => {
  await using client = new MongoClient(bench.uri('root'), { maxPoolSize: 1, retryWrites: false })
  const since = await bench.now()
  for (const name of [
    'Collection.updateOne',
    'Collection.dropIndex',
    '$merge alone',
    'the command createUser',
  ]) {
    const before = await bench.fingerprint()
    const [attack] = attacks.filter((each) => each.name === name)
    if (!attack) throw new Error(`no attack is called ${name}`)
    expect(await bench.writesSeen(client, attack.run)).toMatchObject({
      error: undefined,
      writes: [expect.any(String)],
    })
    expect(await bench.fingerprint()).not.toBe(before)
  }
  // Both logs would have shown them.
  expect(await bench.written(since)).toEqual(
    expect.arrayContaining(['u app.docs', 'c app.$cmd', 'i admin.system.users']),
  )
  expect(await bench.done('root')).toEqual(expect.arrayContaining(['update', 'dropIndexes', 'aggregate']))
})

const UNAUTHORIZED = 13

/** What runs foreign code in the server and changes nothing. */
const harmlessByRole = ['find', 'aggregate', 'mapReduce']

function answerOf({ error }: Outcome): ByRole {
  if (error === undefined) return 'no error'
  return error instanceof Error && Reflect.get(error, 'code') === UNAUTHORIZED ? 'denied' : 'invalid'
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
