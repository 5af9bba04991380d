import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { attacks } from '../attacks.ts'
import { AttackBench } from '../bench.ts'
import { vetoing } from '../support.ts'
import { passedRole, passedVeto, throughClient, tried } from './at-server.ts'
import { readersImports, refusedIn } from './imports.ts'
import { failing, layerOver } from './layer.ts'
import { driversDoor, readersDoor, throughTypes, type Door } from './types.ts'

/** What each layer depends on. To remove a layer, replace its dependency. */
interface Parts {
  readonly door: Door
  readonly imports: ReadonlySet<string>
  readonly client: (uri: string) => MongoClient
  readonly user: string
}

const intact: Parts = {
  door: readersDoor,
  imports: readersImports,
  client: (uri) => vetoing(uri).client,
  user: 'reader',
}

/** A list that contains everything. */
class Anything extends Set<string> {
  override has(): boolean {
    return true
  }
}
const plain = (uri: string): MongoClient => new MongoClient(uri, { maxPoolSize: 1, retryWrites: false })

let bench: AttackBench
/** Where the role is missing, the attacked data is no longer intact. */
let spoilt: AttackBench
beforeAll(async () => {
  bench = await AttackBench.open()
  spoilt = await AttackBench.open()
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await spoilt[Symbol.asyncDispose]()
})

const layer = layerOver<Parts>()
const layers = {
  G1: layer(['door'], async ({ door }) => (await throughTypes(attacks, door)).length),
  G2: layer(['imports'], async ({ imports }) => {
    let through = 0
    for (const { needs } of attacks) {
      const refused = await Promise.all(needs.map((line) => refusedIn(line, imports)))
      if (refused.flat().length === 0) through += 1
    }
    return through
  }),
  G3: layer(['client'], async ({ client }) => {
    await using judged = client(bench.uri('reader'))
    let through = 0
    for await (const { outcome } of tried(throughClient(attacks), bench, judged, 'reader'))
      if (passedVeto(outcome) !== undefined) through += 1
    return through
  }),
  G4: layer(['user'], async ({ user }) => {
    const at = user === 'reader' ? bench : spoilt
    await using free = plain(at.uri(user))
    let through = 0
    for await (const { attack, outcome } of tried(attacks, at, free, user))
      if (passedRole(attack, outcome) !== undefined) through += 1
    return through
  }),
}

test('G1.7 G2.1 G3.5 G4.1 with all layers in place, the tests of every layer pass', async () => {
  expect(await failing(layers, intact)).toEqual([])
})

test.each<[string, Partial<Parts>]>([
  ['G1', { door: driversDoor }],
  ['G2', { imports: new Anything() }],
  ['G3', { client: plain }],
  ['G4', { user: 'careless' }],
])('negative control: removing only %s makes exactly its own tests fail', async (layer, without) => {
  expect(await failing(layers, { ...intact, ...without })).toEqual([layer])
})
