import { expect, test } from '@jest/globals'
import { positionOf } from '@freshet/protocol'
import { FollowedServer } from '../src/identity.ts'
import { LogPosition } from '../src/log-position.ts'
import { AppliedTransactions, Snapshot } from '../src/transactions.ts'

test('P16 a snapshot sees what has ended, also where transaction ids begin again', () => {
  const snapshot = new Snapshot('100:110:102,105')
  expect([99, 100, 102, 103, 105, 109, 110, 111].filter((xid) => snapshot.sees(xid))).toEqual([
    99, 100, 103, 109,
  ])
  // Ids have 32 bits in the feed and 64 in snapshots. These are around the end of the third round.
  const round = 3n * 2n ** 32n
  const around = new Snapshot(`${round - 2n}:${round + 5n}:${round - 2n},${round + 1n}`)
  const ids = [2 ** 32 - 3, 2 ** 32 - 2, 2 ** 32 - 1, 0, 1, 4, 5]
  expect(ids.map((xid) => around.sees(xid))).toEqual([true, false, true, true, false, true, false])
})

test('P16 a read must see what was applied up to its position and not seen when it was sent', () => {
  const applied = new AppliedTransactions()
  applied.add([
    { xid: 10, at: positionOf(0, 1) },
    { xid: 11, at: positionOf(0, 2) },
    { xid: 12, at: positionOf(0, 3) },
  ])
  const earlier = applied.unseenAt(positionOf(0, 2))
  expect(earlier.map(({ xid }) => xid)).toEqual([10, 11])
  // A later statement replies first.
  applied.saw(new Snapshot('12:12:'))
  expect(applied.unseenAt(positionOf(0, 3)).map(({ xid }) => xid)).toEqual([12])
  expect(earlier).toHaveLength(2)
})

test('P16 what is visible is forgotten although nothing is read', async () => {
  const applied = new AppliedTransactions()
  const followed = new FollowedServer()
  followed.followed('this')
  const query = (statement: string) =>
    Promise.resolve([
      statement.includes('wal_block_size') ? ['8192', '16777216'] : ['0/10', 'this', '500:500:'],
    ])
  const log = new LogPosition(query, followed, applied)
  for (let xid = 0; xid < 1_000; xid += 1) {
    applied.add([{ xid, at: positionOf(0, xid) }])
    if (xid === 600) await log.head()
  }
  expect(applied.size).toBe(500)
})
