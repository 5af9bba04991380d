import { expect, test } from '@jest/globals'
import { ABSENT } from '@freshet/cache'
import { Bench } from './support/bench.ts'

test.each(['', '.', 'a b', 'a/b', 'ä', 'x'.repeat(257)])(
  'R18 a text that no document of the collection can have as its id is refused and not called absent (%#)',
  async (id) => {
    await using bench = await new Bench().live()
    await expect(bench.replica.get('a', id)).rejects.toMatchObject({ code: 'BAD_ID' })
    await expect(bench.replica.many('a', ['1', id])).rejects.toMatchObject({ code: 'BAD_ID' })
    expect([bench.deferred, bench.replica.peek(`a/${id}`)]).toEqual([0, undefined])
  },
)

test('R18 for other types such a text is the id of no document at all: it is absent', async () => {
  await using bench = await new Bench({ collections: new Map([['a', 'objectid']]) }).live()
  const answer = bench.replica.get('a', 'a b')
  bench.history.commit([{ kind: 'put', collection: 'a', id: '1' }])
  bench.tell()
  await bench.drain()
  expect((await answer).values).toEqual([ABSENT])
})
