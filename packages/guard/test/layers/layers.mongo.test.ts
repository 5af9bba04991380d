import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { watchWrites } from '../../src/handlers/watch-writes.ts'
import { attacks } from '../attacks.ts'
import { AttackBench } from '../bench.ts'
import { vetoing } from '../support.ts'
import { inHandler, passedWatch, throughWatch } from './at-handler.ts'
import { passedRole, passedVeto, throughClient, tried } from './at-server.ts'
import { readersImports, refusedIn } from './imports.ts'
import { driversDoor, readersDoor, throughTypes, type Door } from './types.ts'

/** What each layer stands on. Taking one away is giving another of its kind. */
interface Walls {
  readonly door: Door
  readonly imports: ReadonlySet<string>
  readonly client: (uri: string) => MongoClient
  readonly user: string
  /** Whether the request of a handler says what it descends from. */
  readonly tells: () => boolean
  /** What a service does with its own client. */
  readonly watch: (client: MongoClient) => MongoClient
}

const standing: Walls = {
  door: readersDoor,
  imports: readersImports,
  client: (uri) => vetoing(uri).client,
  user: 'reader',
  tells: () => true,
  watch: watchWrites,
}

/** A list on which everything is. */
class Anything extends Set<string> {
  override has(): boolean {
    return true
  }
}
const plain = (uri: string): MongoClient => new MongoClient(uri, { maxPoolSize: 1, retryWrites: false })

let bench: AttackBench
/** For the runs in which the role is gone: what was attacked there is not what it was. */
let spoilt: AttackBench
beforeAll(async () => {
  bench = await AttackBench.open()
  spoilt = await AttackBench.open()
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await spoilt[Symbol.asyncDispose]()
})

/** The layers whose own tests fail, each tried without the help of the others. */
async function failing({ door, imports, client, user, tells, watch }: Walls): Promise<readonly string[]> {
  const at = user === 'reader' ? bench : spoilt
  await using judged = client(at.uri('reader'))
  await using free = plain(at.uri(user))
  await using own = watch(plain(at.uri('reader')))
  const through = { G1: 0, G2: 0, G3: 0, G4: 0, G6: 0, G7: 0 }
  through.G1 = (await throughTypes(attacks, door)).length
  for (const { needs } of attacks) {
    const refused = await Promise.all(needs.map((line) => refusedIn(line, imports)))
    if (refused.flat().length === 0) through.G2 += 1
  }
  for await (const { outcome } of tried(throughClient(attacks), at, judged, 'reader'))
    if (passedVeto(outcome) !== undefined) through.G3 += 1
  for await (const { attack, outcome } of tried(attacks, at, free, user))
    if (passedRole(attack, outcome) !== undefined) through.G4 += 1
  const toTheWriter = attacks.filter(({ byRole }) => byRole === 'not asked')
  for (const { run } of toTheWriter) {
    const outcome = await inHandler([], () => at.writesSeen(own, run), { tells })
    if (outcome === undefined || outcome.error === undefined) through.G6 += 1
  }
  for (const { run } of throughWatch(attacks))
    if (passedWatch(await inHandler([], () => at.writesSeen(own, run), { tells })) !== undefined)
      through.G7 += 1
  return Object.entries(through)
    .filter(([, count]) => count > 0)
    .map(([layer]) => layer)
}

test('G1.7 G2.1 G3.5 G4.1 G6.2 G7.1 with every wall standing, the tests of every layer hold', async () => {
  expect(await failing(standing)).toEqual([])
})

test.each<[string, Partial<Walls>]>([
  ['G1', { door: driversDoor }],
  ['G2', { imports: new Anything() }],
  ['G3', { client: plain }],
  ['G4', { user: 'careless' }],
  ['G6', { tells: () => false }],
  ['G7', { watch: (client) => client }],
])('negative control: %s taken away alone makes exactly its own tests fail', async (layer, without) => {
  expect(await failing({ ...standing, ...without })).toEqual([layer])
})
