import { expect, test } from '@jest/globals'
import { bearer } from '../support/open-writer.ts'
import type { OpenHttp } from '../support/http-database.ts'

const position = /^[0-9a-f]{8}\.[0-9a-f]{16}$/

export function testConditions({ db, writer }: OpenHttp): void {
  /** Creates a document and returns its ETag. */
  async function make(id: string): Promise<string> {
    const { headers } = await writer.send('PUT', `products/${id}`, { body: { name: id } })
    return String(headers.get('etag'))
  }

  test.each(['PUT', 'PATCH', 'DELETE'])(
    '%s If-Match succeeds only for the stored version',
    async (method) => {
      const id = `match-${method}`
      const etag = await make(id)
      const body = method === 'DELETE' ? {} : { body: { name: 'new' } }
      const type = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {}
      const send = (tag: string) =>
        writer.send(method, `products/${id}`, { headers: { 'if-match': tag, ...type }, ...body })
      for (const other of ['"AAAAAAAAAAAAAAAAAAAAAA"', `W/${etag}`]) {
        const refused = await send(other)
        expect(refused.json).toMatchObject({
          status: 412,
          type: 'https://freshet.dev/problems/precondition-failed',
        })
        expect(refused.headers.get('etag')).toBe(etag)
        expect(refused.headers.get('freshet-position')).toMatch(position)
      }
      const done = await send(`"AAAAAAAAAAAAAAAAAAAAAA", ${etag}`)
      expect(done.status).toBe(method === 'DELETE' ? 204 : 200)
      // This version no longer exists.
      expect((await send(etag)).status).toBe(412)
    },
  )

  test('If-None-Match: * creates and never replaces; If-Match: * replaces and never creates', async () => {
    const create = { headers: { 'if-none-match': '*' }, body: { name: 'x' } }
    const replace = { headers: { 'if-match': '*' }, body: { name: 'y' } }
    const none = await writer.send('PUT', 'products/star', replace)
    expect([none.status, none.headers.get('etag')]).toEqual([412, null])
    expect((await writer.send('PUT', 'products/star', create)).status).toBe(201)
    const second = await writer.send('PUT', 'products/star', create)
    expect(second.status).toBe(412)
    expect(second.headers.get('freshet-position')).toMatch(position)
    expect((await writer.send('PUT', 'products/star', replace)).status).toBe(200)
  })

  test('a malformed condition is 400, and nothing is written', async () => {
    const headers = { 'if-match': 'no quotes' }
    const got = await writer.send('PUT', 'products/malformed', { headers, body: { name: 'x' } })
    expect(got.json).toMatchObject({ status: 400, type: 'https://freshet.dev/problems/bad-header' })
    expect((await writer.send('DELETE', 'products/malformed')).status).toBe(404)
  })

  test('a collection that requires conditions answers 428 without one', async () => {
    const authorization = await bearer()
    const patch = { authorization, 'content-type': 'application/merge-patch+json' }
    for (const [method, headers] of [
      ['PUT', { authorization }],
      ['PATCH', patch],
      ['DELETE', { authorization }],
    ] as const) {
      const got = await writer.send(method, 'orders/o', { headers, ...(method !== 'DELETE' && { body: {} }) })
      expect(got.json).toMatchObject({ status: 428 })
    }
    const made = await writer.send('PUT', 'orders/o', {
      headers: { authorization, 'if-none-match': '*' },
      body: {},
    })
    expect(made.status).toBe(201)
    const headers = { authorization, 'if-match': String(made.headers.get('etag')) }
    expect((await writer.send('DELETE', 'orders/o', { headers })).status).toBe(204)
  })

  test('of two concurrent replacements of one version exactly one succeeds, and it is the one that is stored', async () => {
    let etag = await make('race')
    for (let round = 0; round < 100; round++) {
      const put = (name: string) =>
        writer.send('PUT', 'products/race', { headers: { 'if-match': etag }, body: { name } })
      const both = await Promise.all([put(`a${round}`), put(`b${round}`)])
      expect(both.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 412])
      const winner = both.find(({ status }) => status === 200)
      const loser = both.find(({ status }) => status === 412)
      etag = String(winner?.headers.get('etag'))
      // The loser gets the ETag of the winning version, at a position that includes it.
      expect(loser?.headers.get('etag')).toBe(etag)
      expect(
        String(loser?.headers.get('freshet-position')) >= String(winner?.headers.get('freshet-position')),
      ).toBe(true)
      expect(await db.text('products', 'race')).toBe(winner?.text)
    }
  })

  test('a stored value that JSON cannot represent is not replaced, unless the client is lenient', async () => {
    await db.putInexact('exact')
    const before = await db.text('products', 'exact')
    const refused = await writer.send('PUT', 'products/exact', { body: { name: 'y' } })
    expect(refused.json).toMatchObject({
      status: 409,
      type: 'https://freshet.dev/problems/not-plain-json',
      errors: [{ pointer: '/a/price' }],
    })
    expect(refused.headers.get('freshet-position')).toMatch(position)
    expect(await db.text('products', 'exact')).toBe(before)
    const headers = { prefer: 'handling=lenient' }
    const done = await writer.send('PUT', 'products/exact', { headers, body: { name: 'y' } })
    expect([done.status, done.headers.get('preference-applied')]).toEqual([200, 'handling=lenient'])
    const made = await writer.send('PUT', 'products/lenient', { headers, body: { name: 'y' } })
    expect(made.status).toBe(201)
  })
}
