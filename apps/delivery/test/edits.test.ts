import { expect, test } from '@jest/globals'
import { offsetOf } from '../src/offset.ts'
import { openBench, type Line, type Sub } from './support/bench.ts'
import { EPOCH, SECOND } from './support/scripted-feed.ts'
import { tokenOf } from './support/tokens.ts'

const token = tokenOf('ann')

/** A connect that says where it was. */
const back = (offset: number, epoch = EPOCH) => ({
  id: 1,
  connect: { token, subs: { '#ann': { recover: true, epoch, offset } } },
})

const subOf = (line: Line | undefined): Sub => {
  const sub = line?.connect?.subs['#ann']
  if (!sub) throw new Error(`expected a connect reply, got ${JSON.stringify(line)}`)
  return sub
}

const toAnn = { from: 'bob', to: { user: 'ann' } }

test.each(['edited', 'deleted'] as const)(
  'D18 the body of a message that was %s is not shown again',
  async (type) => {
    const { client, feed, settle } = openBench()
    const live = await client({ id: 1, connect: { token } })
    const { id } = feed.message({ ...toAnn, body: 'a secret' })
    const after = feed.message({
      ...toAnn,
      type,
      ref: id,
      ...(type === 'edited' ? { body: 'fine' } : { body: undefined }),
    })
    await settle()
    expect(live.socket.publications).toMatchObject([
      { data: { body: 'a secret' } },
      { data: { type, ref: id } },
    ])
    const { socket, send } = await client(back(offsetOf(SECOND, 0)))
    await send({ id: 2, history: { channel: '#ann', limit: -1 } })
    const replayed = subOf(socket.lines[0]).publications
    expect(socket.frames.join()).not.toContain('secret')
    expect(replayed.map(({ data }) => data.id)).toEqual([id, after.id])
    expect(replayed[0]?.data).not.toHaveProperty('body')
    expect(socket.lines[1]?.history?.publications).toEqual(replayed)
  },
)

test('D18 nor is the body of an edit that was followed by another edit or by the deletion', async () => {
  const { client, feed } = openBench()
  const { id: ref } = feed.message({ ...toAnn, body: 'a secret' })
  const edits = ['the first secret', 'the second secret'].map((body) =>
    feed.message({ ...toAnn, type: 'edited', ref, body }),
  )
  const other = feed.message({ ...toAnn, body: 'something else' })
  const last = feed.message({ ...toAnn, type: 'deleted', ref })
  const { socket } = await client(back(offsetOf(SECOND, 0)))
  expect(socket.frames.join()).not.toContain('secret')
  expect(subOf(socket.lines[0]).publications.map(({ data }) => [data.id, data.body])).toEqual([
    [ref, undefined],
    ...edits.map(({ id }) => [id, undefined]),
    [other.id, 'something else'],
    [last.id, undefined],
  ])
})
