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
/** Where the role is gone: what was attacked there is not what it was. */
let spoilt: AttackBench
beforeAll(async () => {
  bench = await AttackBench.open()
  spoilt = await AttackBench.open()
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await spoilt[Symbol.asyncDispose]()
})

/**
 * One layer, tried without the help of the others: it is given its own walls and sees no more, so it is tried once for
 * each of them, whatever stands or is gone beside. Resolves with the number of attacks that come through.
 */
function layer<K extends keyof Walls>(
  standsOn: readonly K[],
  trial: (walls: Pick<Walls, K>) => Promise<number>,
): (walls: Walls) => Promise<number> {
  const trials: { readonly own: readonly unknown[]; readonly through: Promise<number> }[] = []
  return (walls) => {
    const own = standsOn.map((name) => walls[name])
    const before = trials.find((each) => each.own.every((wall, place) => wall === own[place]))
    if (before) return before.through
    const through = trial(walls)
    trials.push({ own, through })
    return through
  }
}

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
  G6: layer(['tells', 'watch'], async ({ tells, watch }) => {
    await using own = watch(plain(bench.uri('reader')))
    let through = 0
    for (const { run } of attacks.filter(({ byRole }) => byRole === 'not asked')) {
      const outcome = await inHandler([], () => bench.writesSeen(own, run), { tells })
      if (outcome === undefined || outcome.error === undefined) through += 1
    }
    return through
  }),
  G7: layer(['tells', 'watch'], async ({ tells, watch }) => {
    await using own = watch(plain(bench.uri('reader')))
    let through = 0
    for (const { run } of throughWatch(attacks)) {
      const outcome = await inHandler([], () => bench.writesSeen(own, run), { tells })
      if (passedWatch(outcome) !== undefined) through += 1
    }
    return through
  }),
}

/** The layers whose own tests fail. */
async function failing(walls: Walls): Promise<readonly string[]> {
  const names: string[] = []
  for (const [name, through] of Object.entries(layers)) if ((await through(walls)) > 0) names.push(name)
  return names
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
