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

test('D13 what was missed is in the connect reply, in order, behind the offset that was asked for', async () => {
  const { client, feed } = openBench()
  const missed = [1, 2, 3].map(() => feed.message(toAnn).id)
  feed.message({ from: 'bob', to: { user: 'cem' } })
  const { socket } = await client(back(offsetOf(SECOND, 1)))
  expect(subOf(socket.lines[0])).toMatchObject({
    recovered: true,
    was_recovering: true,
    offset: offsetOf(SECOND, 1),
    epoch: EPOCH,
  })
  expect(socket.ids).toEqual(missed.slice(1))
})

test('D13 one who missed nothing is given the top', async () => {
  const { client, feed } = openBench()
  feed.message(toAnn)
  feed.message({ from: 'bob', to: { user: 'cem' } })
  feed.pass(7)
  const { socket } = await client(back(offsetOf(SECOND, 1)))
  expect(subOf(socket.lines[0])).toMatchObject({
    recovered: true,
    offset: offsetOf(SECOND + 7, 0),
    publications: [],
  })
})

test('D13 a position publication follows a last publication that is old', async () => {
  const { client, feed } = openBench()
  const { id } = feed.message(toAnn)
  feed.pass(100)
  const { socket } = await client(back(offsetOf(SECOND, 0)))
  expect(socket.ids).toEqual([id, 'position'])
  expect(subOf(socket.lines[0]).publications[1]?.offset).toBe(offsetOf(SECOND + 100, 0))
})

test('D13 a first connect is not recovering, and has the position of its offset', async () => {
  const { client, feed } = openBench()
  feed.message(toAnn)
  const { socket } = await client({ id: 1, connect: { token } })
  expect(subOf(socket.lines[0])).toMatchObject({
    recovered: false,
    was_recovering: false,
    offset: offsetOf(SECOND, 1),
    publications: [],
  })
  expect(socket.lines[0]?.connect?.data.position).toBe(`0a0b0c0d.${SECOND.toString(16)}00000001`)
})

test.each([
  ['of another epoch', 1, 'ffffffffffffffff'],
  ['with the sentinel of SDKs', 0, '_'],
  ['without an epoch', 1, ''],
  ['before the floor', -1, EPOCH],
  ['that was never given', 2 ** 23 * 61, EPOCH],
])('D12 an offset %s is not recovered, and nothing is replayed', async (_, after, epoch) => {
  const { client, feed } = openBench()
  feed.message(toAnn)
  const { socket } = await client(back(offsetOf(SECOND, 0) + after, epoch))
  expect(subOf(socket.lines[0])).toMatchObject({
    recovered: false,
    was_recovering: true,
    offset: offsetOf(SECOND, 1),
    publications: [],
  })
})

test('D12 300 publications are replayed and 301 are not, never a part of them', async () => {
  const { client, feed } = openBench()
  for (let count = 0; count < 301; count++) feed.message(toAnn)
  const { socket } = await client(back(offsetOf(SECOND, 1)))
  expect(subOf(socket.lines[0]).publications).toHaveLength(300)
  const other = await client(back(offsetOf(SECOND, 0)))
  expect(subOf(other.socket.lines[0])).toMatchObject({ recovered: false, publications: [] })
})

test('D12 512 KiB are replayed, and no more', async () => {
  const { client, feed } = openBench()
  for (let count = 0; count < 33; count++) feed.message({ ...toAnn, body: 'x'.repeat(16_000) })
  const { socket } = await client(back(offsetOf(SECOND, 1)))
  expect(subOf(socket.lines[0]).publications).toHaveLength(32)
  const other = await client(back(offsetOf(SECOND, 0)))
  expect(subOf(other.socket.lines[0])).toMatchObject({ recovered: false, publications: [] })
})

test('D14 a page that was reloaded says where it was, unless its SDK knows better', async () => {
  const { client, feed } = openBench()
  const [first, second] = [feed.message(toAnn).id, feed.message(toAnn).id]
  const data = { since: { epoch: EPOCH, offset: offsetOf(SECOND, 0) } }
  const reloaded = await client({ id: 1, connect: { token, data } })
  expect(reloaded.socket.ids).toEqual([first, second])
  expect(subOf(reloaded.socket.lines[0])).toMatchObject({ recovered: true, was_recovering: true })
  const subs = { '#ann': { recover: true, epoch: EPOCH, offset: offsetOf(SECOND, 1) } }
  const kept = await client({ id: 1, connect: { token, data, subs } })
  expect(kept.socket.ids).toEqual([second])
  const fresh = await client({ id: 1, connect: { token, data, subs: { '#ann': {} } } })
  expect(fresh.socket.ids).toEqual([])
  const others = await client({ id: 1, connect: { token, data, subs: { '#bob': subs['#ann'] } } })
  expect(others.socket.ids).toEqual([first, second])
})

test('D14 data of an application that has another since is not looked at', async () => {
  const { client } = openBench()
  for (const data of [
    { since: 'yesterday' },
    { since: { epoch: EPOCH } },
    { since: { epoch: 1, offset: 1 } },
    'x',
    null,
    [],
  ]) {
    const { socket } = await client({ id: 1, connect: { token, data } })
    expect(subOf(socket.lines[0]).was_recovering).toBe(false)
  }
})

test('D15 an instance that is behind sends nothing twice to a client that comes from one ahead', async () => {
  const ahead = openBench()
  const behind = openBench()
  const { socket: before } = await ahead.client({ id: 1, connect: { token } })
  const ids = [1, 2, 3].map(() => ahead.feed.message(toAnn).id)
  await ahead.settle()
  const offset = before.publications.at(-1)?.offset ?? 0
  behind.feed.message(toAnn)
  const { socket } = await behind.client(back(offset))
  expect(subOf(socket.lines[0])).toMatchObject({ recovered: true, offset, publications: [] })
  for (let count = 0; count < 3; count++) behind.feed.message(toAnn)
  await behind.settle()
  expect(before.ids).toEqual(ids)
  expect(socket.publications.map(({ data }) => data.seq)).toEqual([4])
})

test('D16 a quiet client is told the offset before half of what the ring holds has passed', async () => {
  const { client, feed, pass } = openBench({ ringBytes: 20_000, pingMs: 3_600_000 })
  const quiet = await client({ id: 1, connect: { token } })
  const busy = await client({ id: 1, connect: { token: tokenOf('cem') } })
  for (let second = 0; second < 100; second++) {
    feed.message({ from: 'bob', to: { user: 'cem' } })
    feed.pass(1)
    await pass(1_000)
    const offset = quiet.socket.publications.at(-1)?.offset ?? offsetOf(SECOND, 0)
    const { socket, connection } = await client(back(offset))
    expect(subOf(socket.lines[0]).recovered).toBe(true)
    connection.disconnected()
  }
  expect(new Set(quiet.socket.publications.map(({ tags }) => tags['type']))).toEqual(new Set(['position']))
  expect(quiet.socket.publications.length).toBeLessThan(30)
  expect(busy.socket.publications.filter(({ tags }) => tags['type'] === 'position').length).toBeLessThan(2)
})

test('D17 when history is lost clients come back, and are told that something may be missing', async () => {
  const { client, feed, settle } = openBench()
  const first = await client({ id: 1, connect: { token } })
  feed.message(toAnn)
  await settle()
  feed.lose()
  expect(first.socket.closed).toBe('insufficientState')
  // The second in which the new feed began has been seen in part.
  feed.message(toAnn)
  const early = await client(back(offsetOf(SECOND, 1)))
  expect(early.socket.lines[0]?.error?.code).toBe(100)
  feed.pass(1)
  const { id } = feed.message(toAnn)
  const { socket } = await client(back(offsetOf(SECOND, 1)))
  expect(subOf(socket.lines[0])).toMatchObject({ recovered: false, offset: offsetOf(SECOND + 1, 1) })
  const floor = await client(back(offsetOf(SECOND + 1, 0)))
  expect(floor.socket.ids).toEqual([id])
})

test('D70 a message without its contents is a gap: clients come back, and recover from after it only', async () => {
  const { client, feed, settle } = openBench()
  const first = await client({ id: 1, connect: { token } })
  feed.message(toAnn)
  await settle()
  feed.gap()
  expect(first.socket.closed).toBe('insufficientState')
  const { id } = feed.message(toAnn)
  const before = await client(back(offsetOf(SECOND, 1)))
  expect(subOf(before.socket.lines[0])).toMatchObject({ recovered: false, offset: offsetOf(SECOND, 3) })
  expect(before.socket.ids).toEqual([])
  const after = await client(back(offsetOf(SECOND, 2)))
  expect(after.socket.ids).toEqual([id])
})

test('D17 a connect that was under way when history was lost is answered with a temporary error', async () => {
  const { client, feed, reads, settle } = openBench()
  let open = (): void => undefined
  reads.gate = new Promise((resolve) => (open = resolve))
  const { socket } = await client({ id: 1, connect: { token } })
  feed.lose()
  feed.pass(1)
  open()
  await settle()
  await settle()
  expect(socket.lines[0]?.error?.code).toBe(100)
})

test('D19 history reads what the ring holds for the own channel', async () => {
  const { client, feed } = openBench()
  const ids = Array.from({ length: 400 }, () => feed.message(toAnn).id)
  const { socket, send } = await client({ id: 1, connect: { token } })
  const ask = async (request: object): Promise<Line | undefined> => {
    await send({ id: 2, history: { channel: '#ann', ...request } })
    return socket.lines.at(-1)
  }
  const since = (index: number) => ({ since: { epoch: EPOCH, offset: offsetOf(SECOND, index) } })
  const found = async (request: object) =>
    (await ask(request))?.history?.publications.map(({ data }) => data.id)
  expect((await ask({}))?.history).toEqual({ publications: [], epoch: EPOCH, offset: offsetOf(SECOND, 400) })
  expect(await found({ limit: 2 })).toEqual(ids.slice(0, 2))
  expect(await found({ limit: -1 })).toEqual(ids.slice(0, 300))
  expect(await found({ limit: 1_000, ...since(390) })).toEqual(ids.slice(390))
  expect(await found({ limit: 2, reverse: true })).toEqual([ids[399], ids[398]])
  expect(await found({ limit: 2, reverse: true, ...since(3) })).toEqual([ids[1], ids[0]])
  expect((await ask({ since: { epoch: 'other', offset: 1 } }))?.error?.code).toBe(112)
  expect((await ask({ since: { epoch: EPOCH, offset: 1 } }))?.error?.code).toBe(112)
})
