import { afterAll, expect, test } from '@jest/globals'
import { formatLineage } from '@freshet/protocol'
import { eventually, openTestDatabase } from '@freshet/testkit'
import type { Document } from 'mongodb'
import { CommandTap } from './support/command-tap.ts'
import { bearer, collections, openWriter, type Sent } from './support/open-writer.ts'

const db = await openTestDatabase({ collections })
const tap = await CommandTap.open(db.port)
const writer = await openWriter(tap.uriThrough(db.uriFor('writer')), { argv: ['--acknowledge-within=7s'] })
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await tap[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

/** Majority and journaled, within the time limit of the writer. */
const durable = { w: 'majority', j: true, wtimeout: 7_000 }

const names = ['insert', 'update', 'delete', 'findAndModify', 'commitTransaction'] as const
const nameOf = (command: Document) => names.find((name) => name in command)
const isHeartbeat = ({ findAndModify }: Document): boolean => findAndModify === 'freshet'

/** A command after which a write is durable: the statements of a transaction have no write concern, its commit does. */
const isFinal = (command: Document): boolean =>
  nameOf(command) !== undefined && (command['autocommit'] !== false || 'commitTransaction' in command)

const lenient = { prefer: 'handling=lenient' }
const merge = { 'content-type': 'application/merge-patch+json' }
const lineage = [{ handler: 'stock/recount', heard: 'orders/42', writes: ['products'] }]
const caused = {
  authorization: await bearer('stock'),
  'freshet-hops': '1',
  'freshet-cause': formatLineage(lineage),
}

type Verb = readonly [what: string, method: string, sent: Sent, status: number, commands: readonly string[]]
/** Every kind of write of the writer, in an order in which each finds what it needs. All of them write `products/p`. */
const verbs: readonly Verb[] = [
  ['POST', 'POST', { body: { id: 'p', name: 'a' } }, 201, ['insert']],
  ['POST of an existing document', 'POST', { body: { id: 'p', name: 'b' } }, 409, ['insert']],
  ['PUT that replaces', 'PUT', { body: { name: 'c' } }, 200, ['update']],
  ['PUT over any version', 'PUT', { headers: lenient, body: { name: 'd' } }, 200, ['update']],
  ['PUT If-Match', 'PUT', { headers: { 'if-match': '*' }, body: { name: 'e' } }, 200, ['commitTransaction']],
  [
    'PUT over another version',
    'PUT',
    { headers: { 'if-match': '"AAAAAAAAAAAAAAAAAAAAAA"' }, body: { name: 'f' } },
    412,
    ['commitTransaction'],
  ],
  ['PATCH', 'PATCH', { headers: merge, body: { name: 'g' } }, 200, ['commitTransaction']],
  ['PUT with a cause', 'PUT', { headers: caused, body: { name: 'h' } }, 200, ['commitTransaction']],
  ['DELETE', 'DELETE', {}, 204, ['delete']],
  ['DELETE of a missing document', 'DELETE', {}, 404, ['delete']],
  ['PUT that creates', 'PUT', { body: { name: 'i' } }, 201, ['update', 'insert']],
  ['DELETE If-Match', 'DELETE', { headers: { 'if-match': '*' } }, 204, ['commitTransaction']],
  ['PUT If-None-Match', 'PUT', { headers: { 'if-none-match': '*' }, body: { name: 'j' } }, 201, ['insert']],
]

test.each(verbs)('P1 %s requests a journaled majority', async (_what, method, sent, status, commands) => {
  const from = tap.commands.length
  const got = await writer.send(method, method === 'POST' ? 'products' : 'products/p', sent)
  expect(got.status).toBe(status)
  const final = tap.commands.slice(from).filter((command) => isFinal(command) && !isHeartbeat(command))
  expect(final.map((command) => ({ name: nameOf(command), asks: command['writeConcern'] }))).toEqual(
    commands.map((name) => ({ name, asks: durable })),
  )
})

test('P1 so does the heartbeat, which readers take as a sign of life of a majority', async () => {
  const beat = await eventually(() => {
    const found = tap.commands.find(isHeartbeat)
    if (found === undefined) throw new Error('no beat yet')
    return found
  })
  expect(beat['writeConcern']).toEqual(durable)
})

test('a command that inspects stored content ends on the server once nobody waits for it', async () => {
  const from = tap.commands.length
  await writer.send('PUT', 'products/p', { body: { name: 'k' } })
  const looking = tap.commands.slice(from).find((command) => 'update' in command && !isHeartbeat(command))
  expect(looking?.['maxTimeMS']).toBe(7_000)
})
