import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { attacks } from './attacks.ts'
import { AttackBench } from './bench.ts'
import { passedRole, passedVeto, throughClient, tried } from './layers/at-server.ts'
import { vetoing } from './support.ts'

let bench: AttackBench
let untouched: string

beforeAll(async () => {
  bench = await AttackBench.open()
  untouched = await bench.fingerprint()
})
afterAll(() => bench[Symbol.asyncDispose]())

test('G3.5 no attack through the guarded client puts a single write on the wire, even as root', async () => {
  // As root, so that only the veto protects the data.
  const { client, refusals } = vetoing(bench.uri('root'))
  await using _ = client
  const through: string[] = []
  const idle: string[] = []
  const since = await bench.now()
  let refusedBefore = 0
  for await (const { attack, outcome } of tried(throughClient(attacks), bench, client, 'root')) {
    const passed = passedVeto(outcome)
    if (passed !== undefined) through.push(`${attack.name}: ${passed}`)
    const refused = total(refusals.counts())
    if (refused === refusedBefore) idle.push(attack.name)
    refusedBefore = refused
  }
  expect(through).toEqual([])
  // An attack that was never refused was no attack.
  expect(idle).toEqual([])
  expect(await bench.written(since)).toEqual([])
  expect(await bench.fingerprint()).toBe(untouched)
})

test('G3.5 G4.1 negative control: without the veto every attack reaches the wire, and the role alone stops it', async () => {
  await using client = new MongoClient(bench.uri('reader'), { maxPoolSize: 1, retryWrites: false })
  const since = await bench.now()
  const unseen: string[] = []
  const surprises: string[] = []
  for await (const { attack, outcome } of tried(attacks, bench, client, 'reader')) {
    if (passedVeto(outcome) === undefined) unseen.push(attack.name)
    const passed = passedRole(attack, outcome)
    if (passed !== undefined) surprises.push(`${attack.name}: ${passed}`)
  }
  expect(surprises).toEqual([])
  expect(unseen).toEqual([])
  // According to the server itself: its oplog and its profiler.
  expect(await bench.written(since)).toEqual([])
  expect(new Set(await bench.done('reader'))).toEqual(new Set(harmlessByRole))
  expect(await bench.fingerprint()).toBe(untouched)
})

test('G3.5 G4.1 negative control: without veto and role, attacks do change the database', async () => {
  await using client = new MongoClient(bench.uri('root'), { maxPoolSize: 1, retryWrites: false })
  const since = await bench.now()
  for (const name of [
    'Collection.updateOne',
    'Collection.dropIndex',
    '$merge alone',
    'the command createUser',
    'bytes by hand over a socket',
  ]) {
    const before = await bench.fingerprint()
    const [attack] = attacks.filter((each) => each.name === name)
    if (!attack) throw new Error(`no attack is called ${name}`)
    expect(await bench.writesSeen(client, attack.run, 'root')).toMatchObject({
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

/** Attacks that run foreign code in the server without changing anything. */
const harmlessByRole = ['find', 'aggregate', 'mapReduce']

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
