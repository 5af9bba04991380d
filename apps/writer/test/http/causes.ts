import { expect, test } from '@jest/globals'
import { formatLineage, type Hop } from '@freshet/protocol'
import type { OpenHttp } from '../support/http-database.ts'
import { bearer, type Got, type Sent } from '../support/open-writer.ts'

const hop = (handler: string, ...writes: string[]): Hop => ({ handler, heard: 'orders/42', writes })
const recount = hop('stock/recount', 'products')
const ifMatch = { 'if-match': '*' }
const merge = { 'content-type': 'application/merge-patch+json' }

const authorization = await bearer('stock', 'shop')

/** The headers of a request by a handler, with its token. */
function caused(...lineage: readonly Hop[]): Record<string, string> {
  return { authorization, 'freshet-hops': String(lineage.length), 'freshet-cause': formatLineage(lineage) }
}

export function testCauses({ db, writer }: OpenHttp): void {
  type Step = readonly [method: string, path: string, sent?: Sent]
  /** Each verb with each of its outcomes, in an order that produces all of them. */
  const steps: readonly Step[] = [
    ['POST', 'products', { body: { id: 'p', name: 'a' } }],
    ['POST', 'products', { body: { id: 'p', name: 'a' } }],
    ['PUT', 'products/p', { body: { name: 'b' } }],
    ['PUT', 'products/p', { headers: { prefer: 'handling=lenient' }, body: { name: 'c' } }],
    ['PUT', 'products/p', { headers: { 'if-none-match': '*' }, body: { name: 'd' } }],
    ['PUT', 'products/p', { headers: ifMatch, body: { name: 'e' } }],
    ['PATCH', 'products/p', { headers: merge, body: { price: 1 } }],
    ['PATCH', 'products/q', { headers: merge, body: { price: 1 } }],
    ['PUT', 'products/r', { body: { name: 'f' } }],
    ['PUT', 'products/odd', { body: { name: 'lost' } }],
    ['DELETE', 'products/p', { headers: ifMatch }],
    ['DELETE', 'products/p'],
    ['DELETE', 'products/r'],
    ['POST', 'numbered', { body: { id: 9007199254740991 } }],
    ['PUT', 'numbered/9007199254740991', { body: { n: 1 } }],
    ['DELETE', 'numbered/9007199254740991'],
  ]

  test('a write with a cause gets the same answer as one without, for every outcome', async () => {
    const play = async (
      headers: Record<string, string>,
    ): Promise<readonly Pick<Got, 'status' | 'text'>[]> => {
      for (const collection of ['products', 'numbered']) await db.clear(collection)
      await db.putInexact('odd')
      const answers = []
      for (const [method, path, sent] of steps) {
        const { status, text } = await writer.send(method, path, {
          ...sent,
          headers: { ...sent?.headers, ...headers },
        })
        answers.push({ status, text: text.replace(/urn:uuid:[0-9a-f-]+/, '') })
      }
      return answers
    }
    const plain = await play({})
    expect(await play(caused(hop('stock/recount', 'products', 'numbered')))).toEqual(plain)
    expect(new Set(plain.map(({ status }) => status))).toEqual(new Set([201, 409, 200, 412, 404, 204]))
  })

  test('concurrent handlers may write: the records of their causes do not conflict', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        writer.send('PUT', `products/many-${n}`, { headers: caused(recount), body: { name: 'x' } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(201))
  })

  test('a write that needs no read is not refused because of concurrent writes, with or without a cause', async () => {
    for (const headers of [{}, caused(recount)]) {
      const send = async (n: number): Promise<number> => {
        const put = await writer.send('PUT', 'products/hot', { headers, body: { name: `x${n}` } })
        return put.status
      }
      const statuses = await Promise.all(Array.from({ length: 20 }, (_, n) => send(n)))
      expect(statuses.filter((status) => status !== 200 && status !== 201)).toEqual([])
    }
  })
}
