import { afterAll, expect, test } from '@jest/globals'
import { EVERYTHING } from '@freshet/messages'
import { openTestDatabase, seededRandom } from '@freshet/testkit'
import type { MessageReads, ReadAt } from '../src/backend/contract.ts'
import { startReader } from './support/real-reader.ts'
import { asking, untilServing } from './support/talk-reader.ts'
import { walk } from './support/talk-walk.ts'

const db = await openTestDatabase({ messages: true })
afterAll(() => db[Symbol.asyncDispose]())

async function walkWith(name: string, change?: (reads: MessageReads) => MessageReads) {
  await using reader = await startReader(db.uriFor('reader'), ['--messages'], change)
  await untilServing(await asking(reader, 'anybody'))
  return await walk(db, reader, seededRandom(), name)
}

/** The same reads, with some methods replaced. */
function changed(reads: MessageReads, methods: Partial<MessageReads>): MessageReads {
  const same: MessageReads = {
    conversation: (...args) => reads.conversation(...args),
    groups: (...args) => reads.groups(...args),
    intervals: (...args) => reads.intervals(...args),
    messages: (...args) => reads.messages(...args),
    seqs: (...args) => reads.seqs(...args),
    memberships: (...args) => reads.memberships(...args),
    directs: (...args) => reads.directs(...args),
    readSeqs: (...args) => reads.readSeqs(...args),
  }
  return { ...same, ...methods }
}

test('H10 while messages, members and cursors change, every answer is what its reader may see at its position', async () => {
  const { wrong, answers } = await walkWith('exact')
  expect(wrong).toEqual([])
  expect(answers).toBeGreaterThan(50)
})

const controls: readonly (readonly [string, (reads: MessageReads) => MessageReads])[] = [
  [
    'intervals are ignored',
    (reads) =>
      changed(reads, {
        intervals: async (...args) => ((await reads.intervals(...args)).length > 0 ? EVERYTHING : []),
      }),
  ],
  [
    'messages are read at an earlier position',
    (reads) => {
      let earlier: ReadAt['at'] | undefined
      return changed(reads, {
        messages: (conv, seqs, maxBytes, read) => {
          const at = earlier ?? read.at
          earlier = read.at
          return reads.messages(conv, seqs, maxBytes, { ...read, at })
        },
      })
    },
  ],
  [
    'edits are shown to everyone',
    (reads) =>
      changed(reads, {
        messages: async (...args) => {
          const found = await reads.messages(...args)
          const items = found.items.map((item) => {
            const { last: _, ...rest } = item
            return rest
          })
          return { ...found, items }
        },
      }),
  ],
]

/** One walk may not come by: an edit, for example, that somebody joined too late to see. */
const MAX_WALKS = 10

test.each(controls)('H10 control: it is noticed if %s', async (what, change) => {
  const name = what.replaceAll(' ', '-')
  let noticed = 0
  for (let walk = 0; noticed === 0 && walk < MAX_WALKS; walk++)
    noticed = (await walkWith(`${name}-${walk}`, change)).wrong.length
  expect(noticed).toBeGreaterThan(0)
})
