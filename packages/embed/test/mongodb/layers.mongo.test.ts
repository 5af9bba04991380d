import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { attacks } from '@freshet/guard/test/attacks'
import { AttackBench } from '@freshet/guard/test/bench'
import { failing, layerOver } from '@freshet/guard/test/layers/layer'
import { watchWrites } from '../../src/index.ts'
import { inHandler, passedWatch, throughWatch } from './at-handler.ts'

/** What each layer depends on. To remove a layer, replace its dependency. */
interface Parts {
  /** The writers that a service declares. */
  readonly writersOf: (bench: AttackBench) => readonly string[]
  /** What a service does with its own client. */
  readonly watch: (client: MongoClient) => MongoClient
}

const intact: Parts = { writersOf: ({ writer }) => [new URL(writer).origin], watch: watchWrites }

let bench: AttackBench
beforeAll(async () => {
  bench = await AttackBench.open()
})
afterAll(() => bench[Symbol.asyncDispose]())

const plain = (): MongoClient => new MongoClient(bench.uri('reader'), { maxPoolSize: 1, retryWrites: false })

const layer = layerOver<Parts>()
const layers = {
  G6: layer(['writersOf'], async ({ writersOf }) => {
    await using client = plain()
    let through = 0
    for (const { run } of attacks.filter(({ byRole }) => byRole === 'not asked')) {
      const outcome = await inHandler([], ({ fetch }) => bench.writesSeen(client, run, 'reader', fetch), {
        writers: writersOf(bench),
      })
      if (outcome === undefined || outcome.error === undefined) through += 1
    }
    return through
  }),
  G7: layer(['watch'], async ({ watch }) => {
    await using own = watch(plain())
    let through = 0
    for (const { run } of throughWatch(attacks)) {
      const outcome = await inHandler([], () => bench.writesSeen(own, run))
      if (passedWatch(outcome) !== undefined) through += 1
    }
    return through
  }),
}

test('G6.2 G7.1 with all layers in place, the tests of both layers pass', async () => {
  expect(await failing(layers, intact)).toEqual([])
})

test.each<[string, Partial<Parts>]>([
  ['G6', { writersOf: () => [] }],
  ['G7', { watch: (client) => client }],
])('negative control: removing only %s makes exactly its own tests fail', async (name, without) => {
  expect(await failing(layers, { ...intact, ...without })).toEqual([name])
})
