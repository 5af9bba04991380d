import { expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { ChangeStreamError, failures, type ChangeStreamErrorCode } from '@freshet/change-stream'
import { Bench } from './support/bench.ts'

const broken = (code: ChangeStreamErrorCode): ChangeStreamError =>
  new ChangeStreamError(code, 'by the test, at kafka://user:secret@host')
const refused = { code: 'SOURCE_REFUSED', retry: true }
const codes = Object.keys(failures) as readonly ChangeStreamErrorCode[]

test.each(codes)('R26 only a failure that waiting does not heal ends waits for a start: %s', async (code) => {
  await using bench = new Bench()
  const waiting = bench.replica.get('a', '1', { waitMs: 700 }).catch((error: unknown) => error)
  await bench.settle()
  bench.feed.broken(broken(code))
  if (failures[code].retry) {
    await bench.settle()
    bench.clock.advance(700)
  }
  const expected = code === 'SOURCE_UNKNOWN' ? 'SOURCE_UNKNOWN' : 'UNAVAILABLE'
  const error = await waiting
  expect(error).toMatchObject(failures[code].retry ? { code: expected } : refused)
  expect(String(error)).not.toContain('host')
})

test('R26 a log that was refused is refused until it could be followed again, or cannot be reached', async () => {
  await using bench = new Bench({ log: true })
  const { feed, replica } = bench
  feed.broken(broken('UNSUPPORTED'))
  await expect(replica.get('a', '1')).rejects.toMatchObject(refused)
  await expect(replica.now()).rejects.toMatchObject(refused)
  // It is read again from its beginning, which may take long.
  bench.begin()
  await expect(replica.get('a', '1')).rejects.toMatchObject(refused)
  feed.broken(broken('DISCONNECTED'))
  const late = expect(replica.get('a', '1', { waitMs: 700 })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await bench.settle()
  bench.clock.advance(700)
  await late
  feed.broken(broken('DENIED'))
  await expect(replica.many('a', ['1', '2'])).rejects.toMatchObject(refused)
  bench.begin()
  bench.tell()
  await bench.drain()
  expect((await replica.get('a', '1')).values).toEqual([ABSENT])
  // What was followed again is not refused when it begins anew.
  bench.begin()
  const again = replica.get('a', '1')
  await bench.settle()
  bench.tell()
  await bench.drain()
  expect((await again).values).toEqual([ABSENT])
})

test('R26 a read that the source refuses is SOURCE_REFUSED at once, and what is cached is served', async () => {
  await using bench = await new Bench().live()
  bench.history.commit([{ kind: 'upsert', collection: 'a', id: '1' }])
  bench.tell()
  const first = bench.replica.get('a', '1')
  await bench.drain()
  await first
  const read = bench.replica.get('a', '2').catch((error: unknown) => error)
  await bench.settle()
  bench.tick()
  for (const one of bench.reads.pending.splice(0)) one.fail(broken('DENIED'))
  const error = await read
  expect(error).toMatchObject(refused)
  expect(String(error)).not.toContain('host')
  bench.feed.broken(broken('DENIED'))
  expect((await bench.replica.get('a', '1')).values).toHaveLength(1)
})

test('R26 a collection whose definition may not be read is SOURCE_REFUSED', async () => {
  await using bench = new Bench()
  bench.begin()
  bench.tell()
  const read = bench.replica.get('a', '1', { waitMs: 700 }).catch((error: unknown) => error)
  await bench.settle()
  for (const one of bench.reads.pending.splice(0)) one.fail(broken('DENIED'))
  await bench.settle()
  bench.clock.advance(700)
  expect(await read).toMatchObject(refused)
})
