import { afterAll, expect, test } from '@jest/globals'
import { CutProxy, eventually, openTestDatabase, silentLog } from '@freshet/testkit'
import type { Document } from 'mongodb'
import type { Backend } from '../src/store/contract.ts'
import { collections, openWriter } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
afterAll(() => db[Symbol.asyncDispose]())

interface Control {
  readonly _id: string
  readonly at?: Date
  readonly beats?: number
}
const control = db.admin.db('shop').collection<Control>('freshet')

interface Beats extends AsyncDisposable {
  /** The counter of each beat, and the server time stored with it, from the feed. */
  readonly told: { readonly beats: number; readonly atMs: number }[]
}

async function watchBeats(): Promise<Beats> {
  const stream = control.watch<Control>()
  const told: Beats['told'] = []
  stream.on('change', (event) => {
    if (event.operationType !== 'update') return
    const { beats = 0, at } = event.updateDescription.updatedFields ?? {}
    told.push({ beats, atMs: at?.getTime() ?? 0 })
  })
  await eventually(async () => {
    await control.updateOne({ _id: 'heartbeat' }, { $inc: { beats: 1 } })
    expect(told.length).toBeGreaterThan(0)
  })
  return { told, [Symbol.asyncDispose]: () => stream.close() }
}

test('W6 an idle writer keeps beating', async () => {
  await using watched = await watchBeats()
  await using _ = await openWriter(db.uriFor('writer'))
  const before = watched.told.length
  await eventually(() => expect(watched.told.length).toBeGreaterThanOrEqual(before + 4))
  const beats = watched.told.map((one) => one.beats)
  expect(beats).toEqual(beats.map((_one, index) => (beats[0] ?? 0) + index))
})

const hourMs = 3_600_000

test.each([
  ['an hour ahead', { at: new Date(Date.now() + hourMs) }],
  ['a hundred years ahead', { at: new Date(Date.now() + 876_000 * hourMs) }],
  ['an hour behind', { at: new Date(Date.now() - hourMs) }],
  ['missing', { at: 'soon' }],
])('W6 the stored time is %s: the writer beats all the same', async (_what, fields) => {
  await control.replaceOne({ _id: 'heartbeat' }, fields as never)
  await using watched = await watchBeats()
  await using writer = await openWriter(db.uriFor('writer'))
  const before = watched.told.length
  await eventually(() => expect(watched.told.length).toBeGreaterThanOrEqual(before + 3))
  expect(await writer.status()).toMatchObject({ heartbeatFailing: false })
  expect((await fetch(`${writer.service.managementUrl}/readyz`)).status).toBe(200)
})

test('W6 a beat based on an outdated state writes nothing: several idle writers beat as often as one', async () => {
  let done: Document | undefined
  const once = (backend: Backend): Backend => ({
    ...backend,
    control: {
      source: () => backend.control.source(),
      beat: async (seen) => {
        if (done !== undefined) return { beats: Symbol() }
        const first = await backend.control.beat(seen)
        // Another writer has seen the same state and is faster.
        const theirs = await backend.control.beat(first)
        const before = await control.findOne({ _id: 'heartbeat' })
        const ours = await backend.control.beat(first)
        done = { theirs, ours, before, after: await control.findOne({ _id: 'heartbeat' }) }
        return ours
      },
    },
  })
  await using _ = await openWriter(db.uriFor('writer'), { over: once })
  await eventually(() => expect(done).toBeDefined())
  expect(done?.['after']).toEqual(done?.['before'])
  expect(done?.['ours']).toEqual(done?.['theirs'])
})

test('W7 a writer whose beats are not accepted is not ready, and says so', async () => {
  const over = new AbortController()
  const held = new Promise<never>((_, reject) =>
    over.signal.addEventListener('abort', () => reject(over.signal.reason)),
  )
  const hold = (backend: Backend): Backend => ({
    ...backend,
    control: { source: () => backend.control.source(), beat: () => held },
  })
  const argv = ['--unready-after=100ms']
  await using writer = await openWriter(db.uriFor('writer'), { over: hold, argv })
  await eventually(async () => {
    const readyz = await fetch(`${writer.service.managementUrl}/readyz`)
    expect([readyz.status, await readyz.json()]).toEqual([
      503,
      { ok: false, why: 'no write or heartbeat acknowledged by a majority for more than 100 ms' },
    ])
  })
  await eventually(async () => expect(await writer.status()).toMatchObject({ heartbeatFailing: true }))
  // A write counts as a sign of life too.
  await eventually(async () => {
    expect(
      (await writer.send('PUT', 'products/sign', { body: { name: `${Math.random()}` } })).status,
    ).toBeLessThan(300)
    expect((await fetch(`${writer.service.managementUrl}/readyz`)).status).toBe(200)
  })
  over.abort()
})

test('W7 without its database, a writer that has started stays ready and refuses writes, unless it is told otherwise', async () => {
  await using proxy = await CutProxy.open(db.port)
  const uri = proxy.uriThrough(db.uriFor('writer'))
  await using patient = await openWriter(uri)
  await using strict = await openWriter(uri, { argv: ['--unready-after=500ms'] })
  const readiness = async ({ service }: typeof patient): Promise<number> =>
    (await fetch(`${service.managementUrl}/readyz`)).status
  await eventually(async () => expect(await readiness(strict)).toBe(200))
  proxy.cut()
  await eventually(async () => expect(await readiness(strict)).toBe(503))
  // Also while the clients are recreated, after some time without a server.
  await eventually(async () => expect(await patient.status()).toMatchObject({ connection: 'renewing' }))
  expect(await readiness(patient)).toBe(200)
  const refused = await patient.send('PUT', 'products/away', { body: { name: 'x' } })
  expect(refused.json).toMatchObject({ status: 503, type: 'https://freshet.dev/problems/unavailable' })
  proxy.resume()
  for (const writer of [patient, strict])
    await eventually(async () => expect(await readiness(writer)).toBe(200))
})

test('W7 a missing heartbeat document is reported until it is back', async () => {
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
