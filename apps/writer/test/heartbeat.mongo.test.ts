import { afterAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase, silentLog } from '@freshet/testkit'
import type { Ground } from '../src/open-ground.ts'
import type { ControlStore } from '../src/store/contract.ts'
import { collections, openWriter, type OpenWriterOptions } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
afterAll(() => db[Symbol.asyncDispose]())

interface Control {
  readonly _id: string
  readonly at?: Date
}
const control = db.admin.db('shop').collection<Control>('freshet')

/** Puts `beat` between a writer and its control document. */
function beating(beat: (control: ControlStore, quietMs: number) => Promise<void>): OpenWriterOptions {
  const over = (ground: Ground): Ground => ({
    ...ground,
    control: {
      timeline: () => ground.control.timeline(),
      beat: (quietMs) => beat(ground.control, quietMs),
    },
  })
  return { over }
}

test('an idle writer moves the heartbeat, again and again, and asks for a quarter of a second between', async () => {
  const quiet = new Set<number>()
  await using stream = control.watch<Control>()
  const beats: number[] = []
  stream.on('change', (event) => {
    if (event.operationType === 'update')
      beats.push(event.updateDescription.updatedFields?.at?.getTime() ?? 0)
  })
  const options = beating((real, quietMs) => {
    quiet.add(quietMs)
    return real.beat(quietMs)
  })
  await using _ = await openWriter(db.uriFor('writer'), options)
  await eventually(() => expect(beats.length).toBeGreaterThanOrEqual(4))
  expect(beats).toEqual([...new Set(beats)].toSorted((a, b) => a - b))
  expect([...quiet]).toEqual([250])
})

const hourMs = 3_600_000

test.each([
  ['half an hour ago', hourMs / 2, false],
  ['an hour and a half ago', hourMs * 1.5, true],
])(
  'after a beat of %s, one that wants an hour of silence is taken or not, by the clock of the server',
  async (_ago, agoMs, moves) => {
    const at = async (): Promise<number | undefined> =>
      (await control.findOne({ _id: 'heartbeat' }))?.at?.getTime()
    let done: readonly (number | undefined)[] = []
    const options = beating(async (real) => {
      if (done.length > 0) return
      await control.updateOne({ _id: 'heartbeat' }, [{ $set: { at: { $subtract: ['$$NOW', agoMs] } } }])
      const before = await at()
      await real.beat(hourMs)
      done = [before, await at()]
    })
    await using _ = await openWriter(db.uriFor('writer'), options)
    await eventually(() => expect(done).toHaveLength(2))
    expect(done[0] !== done[1]).toBe(moves)
  },
)

test('a heartbeat that is gone is told, until it is there again', async () => {
  const said: string[] = []
  const warn = ({ err }: { err?: unknown }): void => void said.push(String(err))
  await using writer = await openWriter(db.uriFor('writer'), { log: { ...silentLog, warn } })
  const told = async (failing: boolean): Promise<void> => {
    expect(await writer.status()).toMatchObject({ heartbeatFailing: failing })
    const metrics = await (await fetch(`${writer.service.managementUrl}/metrics`)).text()
    expect(metrics).toMatch(new RegExp(`^freshet_writer_heartbeat_failing ${Number(failing)}$`, 'm'))
  }
  await told(false)
  const heartbeat = await control.findOneAndDelete({ _id: 'heartbeat' })
  await eventually(() => told(true))
  expect(said).toEqual([expect.stringContaining('no heartbeat document')])
  if (heartbeat) await control.insertOne(heartbeat)
  await eventually(() => told(false))
})
