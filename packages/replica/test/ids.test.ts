import { expect, test } from '@jest/globals'
import type { IdType } from '@freshet/protocol'
import { Bench } from './support/bench.ts'

test.each(['', '.', 'a b', 'a/b', 'ä', 'x'.repeat(257)])(
  'R18 an invalid id is refused, not reported as absent (%#)',
  async (id) => {
    await using bench = await new Bench().live()
    await expect(bench.replica.get('a', id)).rejects.toMatchObject({ code: 'BAD_ID' })
    await expect(bench.replica.many('a', ['1', id])).rejects.toMatchObject({ code: 'BAD_ID' })
    expect([bench.deferred, bench.replica.peek(`a/${id}`)]).toEqual([0, undefined])
  },
)

test.each<[IdType, string]>([
  ['objectid', 'a b'],
  ['objectid', '64B5F0C2A1B2C3D4E5F60718'],
  ['integer', '011'],
  ['integer', '-0'],
  ['integer', '9007199254740992'],
  ['uuid', '01890A5D-AC96-774B-BCCE-B302099A8057'],
])('R18 a non-canonical %s id is refused too: %s', async (idType, id) => {
  await using bench = await new Bench({ collections: new Map([['a', idType]]) }).live()
  await expect(bench.replica.get('a', id)).rejects.toMatchObject({ code: 'BAD_ID' })
  expect([bench.deferred, bench.replica.peek(`a/${id}`)]).toEqual([0, undefined])
})
