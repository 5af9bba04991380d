import { expect, test } from '@jest/globals'
import { positionOf } from '@freshet/protocol'
import { Bench, collections, keys, sourceOf } from './support/bench.ts'
import { History } from './support/history.ts'

const newer = { source: sourceOf('00000002'), at: positionOf(1, 0) }

/** The outcome of a wait so far. */
function outcome(wait: Promise<unknown>): () => string {
  let word = 'waits'
  void wait.then(
    () => (word = 'reached'),
    (error: unknown) => (word = String(error).split(': ')[1] ?? ''),
  )
  return () => word
}

/** Requests a position of an unknown source, some time after the replica was proved current. */
async function ask(bench: Bench): Promise<() => string> {
  bench.clock.advance(10)
  const word = outcome(bench.replica.atLeast(newer))
  await bench.settle()
  expect(word()).toBe('waits')
  return word
}

/** A proof of no changes, from a server that may be cut off from its majority. */
function prove(bench: Bench, aliveAt: number): void {
  bench.feed.apply({ ...bench.batch([], bench.told, true), aliveAt })
}

test('R4 a position of another source is BEHIND until there is a proof after the call', async () => {
  await using bench = await new Bench().live()
  const word = await ask(bench)
  bench.feed.broken(new Error('cut off'))
  bench.clock.advance(1_000)
  await bench.settle()
  expect(word()).toBe('BEHIND')
  const refused = expect(bench.replica.atLeast(newer, { waitMs: 1 })).rejects.toMatchObject({
    code: 'BEHIND',
    retry: true,
    message: expect.stringContaining('may be a newer one'),
  })
  await bench.settle()
  bench.clock.advance(1)
  await refused
  expect(bench.clock.sleeping).toBe(0)
})

test('R4 a position of another source is WRONG_SOURCE once the current source is proved to be the present one', async () => {
  await using bench = await new Bench().live()
  const word = await ask(bench)
  // From before the call.
  bench.feed.apply({ ...bench.batch([], bench.told, true), provedAt: bench.clock.now() - 1 })
  await bench.settle()
  expect(word()).toBe('waits')
  bench.tell()
  await bench.settle()
  expect(word()).toBe('WRONG_SOURCE')
})

test('R4 a proof from a primary that may be cut off does not rule out an unknown source', async () => {
  await using bench = await new Bench().live()
  const asked = bench.clock.now()
  const word = await ask(bench)
  prove(bench, asked)
  await bench.settle()
  expect(word()).toBe('waits')
  prove(bench, bench.clock.now())
  await bench.settle()
  expect(word()).toBe('WRONG_SOURCE')
})

test('R4 any proof rules out a previous source', async () => {
  await using bench = await new Bench().live()
  const asked = bench.clock.now()
  const old = { source: bench.history.source, at: positionOf(1, 0) }
  bench.history = new History(newer.source, keys)
  bench.begin()
  prove(bench, asked)
  bench.clock.advance(10)
  const word = outcome(bench.replica.atLeast(old))
  await bench.settle()
  expect(word()).toBe('waits')
  prove(bench, asked)
  await bench.settle()
  expect(word()).toBe('WRONG_SOURCE')
})

test('R4 waits and reads continue with a source that starts in the meantime; proofs of the old one no longer count', async () => {
  await using bench = await new Bench({ collections }).live()
  const word = await ask(bench)
  const read = bench.replica.get('a', '1', { atLeast: newer, waitMs: 5_000 })
  await bench.settle()
  bench.history = new History(newer.source, keys)
  bench.begin()
  await bench.settle()
  expect(word()).toBe('reached')
  bench.tell()
  await bench.drain()
  expect(await read).toMatchObject({ source: newer.source })
  // A third source: earlier proofs do not count for the epoch of the second.
  bench.clock.advance(10)
  bench.history = new History(sourceOf('00000003'), keys)
  bench.begin()
  const other = outcome(bench.replica.atLeast({ ...newer, source: sourceOf('00000004') }))
  await bench.settle()
  expect(other()).toBe('waits')
  bench.clock.advance(1_000)
  await bench.settle()
  expect(['BEHIND', 'UNAVAILABLE']).toContain(other())
})
