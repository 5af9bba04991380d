import { expect, test } from '@jest/globals'
import { offsetOf } from '../src/offset.ts'
import { messagePublication } from '../src/publication.ts'
import { Ring } from '../src/ring.ts'
import { ScriptedFeed, SECOND } from './support/scripted-feed.ts'

const toAnn = { from: 'bob', to: { user: 'ann' } }

test('D11 a ring holds every publication after its floor, within its bytes', () => {
  const ring = new Ring(50_000)
  ring.clear(offsetOf(SECOND, 0))
  const feed = new ScriptedFeed()
  for (let index = 1; index <= 500; index++) {
    const users = index % 2 ? { user: 'ann' } : { users: ['ann', 'cem'] }
    const message = feed.message({
      from: `bob${index % 7}`,
      to: users,
      conv: 'c',
      body: 'é'.repeat(index % 50),
    })
    ring.add(messagePublication(message, offsetOf(SECOND, index)))
    expect(ring.bytes).toBeLessThanOrEqual(50_000)
    const held = ring.select(
      { after: 0, before: Infinity, limit: 1_000, latest: false },
      { user: 'ann', groups: new Map() },
    )
    expect(held).toHaveLength(ring.size)
    expect(held[0]?.offset).toBe(index - ring.size + 1 + offsetOf(SECOND, 0))
    expect(ring.floor).toBe((held[0]?.offset ?? 0) - 1)
  }
  expect(ring.size).toBeGreaterThan(20)
  expect(ring.size).toBeLessThan(200)
  ring.clear(offsetOf(SECOND + 9, 0))
  expect([ring.size, ring.bytes, ring.floor]).toEqual([0, 0, offsetOf(SECOND + 9, 0)])
})

test('D21 a member sees only their intervals also where the order of seq was broken by another program', () => {
  const ring = new Ring(50_000)
  ring.clear(offsetOf(SECOND, 0))
  const feed = new ScriptedFeed()
  for (const [index, seq] of [1, 2, 9, 3, 5, 4, 6, 7].entries()) {
    const message = feed.message({ from: 'bob', to: { group: 'team' }, id: `m${seq}`, seq })
    ring.add(messagePublication(message, offsetOf(SECOND, index + 1)))
  }
  const range = { after: 0, before: Infinity, limit: 10, latest: false }
  const seen = (from: number, to: number) =>
    ring.select(range, { user: 'ann', groups: new Map([['team', [{ from, to }]]]) }).map(({ id }) => id)
  expect(seen(5, 6)).toEqual(['m5', 'm6'])
  expect(seen(3, 9)).toEqual(['m9', 'm3', 'm5', 'm4', 'm6', 'm7'])
})

test('D18 a message that was stored again with the same id loses its body too', () => {
  const ring = new Ring(3_000)
  ring.clear(offsetOf(SECOND, 0))
  const feed = new ScriptedFeed()
  let index = 0
  const add = (fields: object): void => {
    const message = feed.message({ ...toAnn, ...fields })
    ring.add(messagePublication(message, offsetOf(SECOND, (index += 1))))
  }
  add({ id: 'a', body: 'x'.repeat(1_000) })
  add({ id: 'a', body: 'secret' })
  // The first of the two is evicted.
  while (ring.size > index - 1) add({ body: 'x'.repeat(200) })
  add({ type: 'deleted', ref: 'a', body: undefined })
  const range = { after: 0, before: Infinity, limit: 100, latest: false }
  const texts = ring.select(range, { user: 'ann', groups: new Map() }).map(({ json }) => json)
  expect(texts.join()).not.toContain('secret')
})

test('D11 a publication that is larger than the ring is not held, and is not said to be', () => {
  const ring = new Ring(1_000)
  const message = new ScriptedFeed().message({ ...toAnn, body: 'x'.repeat(2_000) })
  const offset = offsetOf(SECOND, 1)
  ring.add(messagePublication(message, offset))
  expect([ring.size, ring.floor]).toEqual([0, offset])
  expect(ring.holdsAfter(offset - 1)).toBe(false)
})
