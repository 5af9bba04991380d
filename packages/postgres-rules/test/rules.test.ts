import { expect, test } from '@jest/globals'
import {
  endOfLastRecord,
  lsnOf,
  positionOfLsn,
  roleOf,
  sourceIdOf,
  tableAt,
  tableNameFault,
} from '../src/index.ts'

test('positions are log positions that sort as text', () => {
  const position = positionOfLsn('16/B374848')
  expect([position, lsnOf(position)]).toEqual(['000000160b374848', '16/B374848'])
  expect(() => positionOfLsn('16')).toThrow('expected an LSN')
  const layout = { blockBytes: 8_192, segmentBytes: 2 ** 24 }
  expect(endOfLastRecord(positionOfLsn('0/2018'), layout)).toBe(positionOfLsn('0/2000'))
  expect(endOfLastRecord(positionOfLsn('0/1000028'), layout)).toBe(positionOfLsn('0/1000000'))
})

test('another timeline or database is another history', () => {
  const history = { systemId: '7', timeline: '1', database: 'shop' }
  const ids = [
    history,
    { ...history, timeline: '2' },
    { ...history, database: 'b' },
    { ...history, systemId: '8' },
  ]
  expect(new Set(ids.map(sourceIdOf)).size).toBe(4)
  expect(sourceIdOf({ ...history })).toMatch(/^[0-9a-f]{8}$/)
})

test('a collection is a table, in public unless its name has a schema', () => {
  expect([tableAt('a'), tableAt('b.c')]).toEqual([
    { schema: 'public', name: 'a' },
    { schema: 'b', name: 'c' },
  ])
  expect(tableNameFault('a.b.c')).toContain('a table such as')
  expect(roleOf('freshet-writer', 'shop')).toBe('freshet_writer_shop')
})
