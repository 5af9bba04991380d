import { expect, test } from '@jest/globals'
import { append, merge, problem, sendersOf, told } from '../support/keyed-writer.ts'
import type { OpenHttp } from '../support/http-database.ts'
import type { Sent } from '../support/open-writer.ts'

export function testOnce({ db, writer }: OpenHttp): void {
  const sender = sendersOf(writer)

  const writes: readonly (readonly [
    name: string,
    method: string,
    path: string,
    sent: Sent,
    status: number,
  ])[] = [
    ['POST without an id', 'POST', 'products', { body: { name: 'new' } }, 201],
    ['POST', 'POST', 'products', { body: { id: 'made', name: 'new' } }, 201],
    ['POST of an integer id', 'POST', 'numbered', { body: { id: 9007199254740991 } }, 201],
    ['PUT that creates', 'PUT', 'products/a%7Cb', { body: { name: 'new' } }, 201],
    ['PUT that replaces', 'PUT', 'products/old', { body: { name: 'new' } }, 200],
    ['PUT If-Match', 'PUT', 'products/old', { headers: { 'if-match': '*' }, body: { name: 'new' } }, 200],
    [
      'PUT If-None-Match',
      'PUT',
      'products/x',
      { headers: { 'if-none-match': '*' }, body: { name: 'n' } },
      201,
    ],
    [
      'a lenient PUT',
      'PUT',
      'products/old',
      { headers: { prefer: 'handling=lenient' }, body: { name: 'n' } },
      200,
    ],
    [
      'PUT with return=minimal',
      'PUT',
      'products/y',
      { headers: { prefer: 'return=minimal' }, body: { name: 'n' } },
      201,
    ],
    ['merge patch', 'PATCH', 'products/old', { headers: merge, body: { name: 'new' } }, 200],
    ['JSON patch', 'PATCH', 'products/old', append, 200],
    ['DELETE', 'DELETE', 'products/old', {}, 204],
    ['DELETE If-Match', 'DELETE', 'products/old', { headers: { 'if-match': '*' } }, 204],
  ]

  test.each(writes)(
    '%s is applied once, and replayed with the same answer',
    async (_, method, path, sent, status) => {
      await db.clear('products')
      await db.clear('numbered')
      await db.put('products', 'old', { name: 'old', tags: [] })
      const send = sender()
      const first = await send(method, path, sent)
      expect(first.status).toBe(status)
      expect(first.headers.get('idempotency-replayed')).toBeNull()
      // Whatever happens to the document meanwhile, the answer is about what was done.
      await db.rename('theirs')
      const after = await db.all('products')
      const again = await send(method, path, sent)
      expect(told(again)).toEqual(told(first))
      expect(again.headers.get('idempotency-replayed')).toBe('true')
      expect(
        String(again.headers.get('freshet-position')) > String(first.headers.get('freshet-position')),
      ).toBe(true)
      expect(await db.all('products')).toEqual(after)
    },
  )

  test('another request with the same key is 422 with a position, and nothing is written', async () => {
    await db.put('products', 'other', { name: 'x' })
    const send = sender()
    const body = { name: 'first' }
    expect((await send('PUT', 'products/mine', { body })).status).toBe(201)
    const others: readonly (readonly [string, string, Sent])[] = [
      ['PUT', 'products/mine', { body: { name: 'second' } }],
      ['PUT', 'products/mine', { body: '{ "name":"first"}' }],
      ['PUT', 'products/other', { body }],
      ['PUT', 'products/mine', { body, headers: { prefer: 'return=minimal' } }],
      ['PUT', 'products/mine', { body, headers: { 'if-match': '*' } }],
      ['PUT', 'products/mine', { body, headers: { 'if-none-match': '"x"' } }],
      ['PUT', 'products/mine', { body, headers: { 'content-type': 'application/json; charset=utf-8' } }],
      ['PATCH', 'products/mine', { body, headers: merge }],
      ['DELETE', 'products/mine', {}],
      ['POST', 'products', { body: { id: 'mine', ...body } }],
      ['POST', 'numbered', { body: { id: 77, ...body } }],
    ]
    const before = await db.all('products')
    for (const [method, path, sent] of others) {
      const got = await send(method, path, sent)
      expect(got.json).toMatchObject({ status: 422, ...problem('idempotency-mismatch') })
      expect(got.headers.get('freshet-position')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
    }
    expect(await db.all('products')).toEqual(before)
    expect((await send('PUT', 'products/mine', { body })).status).toBe(201)
  })

  test('the same key of another caller is a different key, whatever their names', async () => {
    const body = { name: 'x' }
    for (const [key, caller] of [
      ['shared', 'anna'],
      ['shared', 'bert'],
      [String.raw`"shared\",\"bert"`, 'anna'],
    ] as const) {
      const got = await sender(key, caller)('POST', 'products', { body })
      expect([got.status, got.headers.get('idempotency-replayed')]).toEqual([201, null])
    }
  })

  test('a key with quotes, as in the draft, equals the key without quotes', async () => {
    const body = { name: 'x' }
    const first = await sender('"8e03978e-40d5"')('POST', 'products', { body })
    const again = await sender('8e03978e-40d5')('POST', 'products', { body })
    expect(told(again)).toEqual(told(first))
  })

  test.each(['a b', '"a', 'a,b', '"a", "a"', '""', 'x'.repeat(256), `"${'x'.repeat(256)}"`])(
    'a malformed key is 400, and nothing is written: %j',
    async (key) => {
      const got = await sender(key)('PUT', 'products/malformed', { body: { name: 'x' } })
      expect(got.json).toMatchObject({ status: 400, ...problem('bad-header') })
      expect(await db.text('products', 'malformed')).toBeUndefined()
    },
  )

  test('a key without a token is 401 even in a public collection, and the answer says why', async () => {
    const headers = { 'idempotency-key': 'k' }
    const got = await writer.send('PUT', 'products/nobody', { headers, body: { name: 'x' } })
    expect(got.json).toMatchObject({ status: 401, ...problem('unauthenticated') })
    expect(got.json['detail']).toContain('belongs to its caller')
    expect(got.headers.get('www-authenticate')).toBe('Bearer')
    const bad = { ...headers, authorization: 'Bearer a.b.c' }
    expect((await writer.send('PUT', 'products/nobody', { headers: bad, body: { name: 'x' } })).status).toBe(
      401,
    )
    expect(await db.text('products', 'nobody')).toBeUndefined()
  })

  test('only completed writes are stored: after a refusal the same request may succeed', async () => {
    await db.clear('products')
    const [post, patch, condition] = [sender(), sender(), sender()]
    const body = { id: 'taken', name: 'mine' }
    await db.put('products', 'taken', { name: 'theirs' })
    const kept = await db.answers()
    expect((await post('POST', 'products', { body })).status).toBe(409)
    expect((await patch('PATCH', 'products/absent', { headers: merge, body: { name: 'x' } })).status).toBe(
      404,
    )
    const ifNone = { headers: { 'if-none-match': '*' }, body: { name: 'x' } }
    expect((await condition('PUT', 'products/taken', ifNone)).status).toBe(412)
    expect(await db.answers()).toBe(kept)
    await db.clear('products')
    await db.put('products', 'absent', { name: 'x' })
    expect((await post('POST', 'products', { body })).status).toBe(201)
    expect((await patch('PATCH', 'products/absent', { headers: merge, body: { name: 'x' } })).status).toBe(
      200,
    )
    await db.clear('products')
    expect((await condition('PUT', 'products/taken', ifNone)).status).toBe(201)
  })

  test('concurrent keyed writes to one document are not refused because of each other', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const got = await sender()('PUT', 'products/hot', { body: { name: `x${n}` } })
        return got.status
      }),
    )
    expect(statuses.filter((status) => status !== 200 && status !== 201)).toEqual([])
  })
}
