import { expect, test } from '@jest/globals'
import { bearer } from '../support/open-writer.ts'
import type { OpenHttp } from '../support/http-database.ts'

const position = /^[0-9a-f]{8}\.[0-9a-f]{16}$/
const etag = /^"[\w-]{22}"$/

export function testWrites({ db, writer }: OpenHttp): void {
  test('POST stores the document and answers 201 with its location, version and position', async () => {
    const got = await writer.send('POST', 'products', { body: { price: 3, name: 'Lamp', id: 'lamp' } })
    expect(got.status).toBe(201)
    expect(got.text).toBe('{"id":"lamp","price":3,"name":"Lamp"}')
    expect(got.headers.get('location')).toBe('/v1/products/lamp')
    expect(got.headers.get('etag')).toMatch(etag)
    expect(got.headers.get('freshet-position')).toMatch(position)
    expect(got.headers.get('content-type')).toBe('application/json')
    expect(got.headers.get('x-powered-by')).toBeNull()
    expect(await db.text('products', 'lamp')).toBe(got.text)
  })

  test('POST without an id generates one, and later ids sort after earlier ones', async () => {
    const first = await writer.send('POST', 'products', { body: { name: 'A' } })
    const second = await writer.send('POST', 'products', { body: { name: 'B' } })
    const id = String(first.json['id'])
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    expect(String(second.json['id']).slice(0, 13) >= id.slice(0, 13)).toBe(true)
    expect(first.headers.get('location')).toBe(`/v1/products/${id}`)
    expect(await db.text('products', id)).toBe(first.text)
  })

  test('POST with an existing id is 409 already-exists with a position, and changes nothing', async () => {
    await writer.send('POST', 'products', { body: { id: 'taken', name: 'first' } })
    const got = await writer.send('POST', 'products', { body: { id: 'taken', name: 'second' } })
    expect(got.status).toBe(409)
    expect(got.json).toMatchObject({ type: 'https://freshet.dev/problems/already-exists' })
    expect(got.headers.get('freshet-position')).toMatch(position)
    expect(got.text).not.toMatch(/E11000|constraint|first/)
    expect(await db.text('products', 'taken')).toContain('first')
  })

  test.each([
    [{ name: 'x', id: 5 }, '/id'],
    [{ name: 'x', id: 'no/slash' }, '/id'],
    [{ name: 'x', id: '..' }, '/id'],
    [{ id: 'ok' }, ''],
    [{ name: 7, id: 'ok' }, '/name'],
  ])('a document that violates the schema is 422 with the location: %j', async (body, pointer) => {
    const got = await writer.send('POST', 'products', { body })
    expect(got.status).toBe(422)
    expect(got.json).toMatchObject({
      type: 'https://freshet.dev/problems/invalid-document',
      errors: [expect.objectContaining({ pointer: expect.stringMatching(new RegExp(`^${pointer}`)) })],
    })
    expect(got.headers.get('freshet-position')).toBeNull()
  })

  test('PUT creates a document with 201, replaces it with 200, and gives each version its own ETag', async () => {
    const made = await writer.send('PUT', 'products/chair', { body: { name: 'Chair' } })
    expect([made.status, made.text]).toEqual([201, '{"id":"chair","name":"Chair"}'])
    expect(made.headers.get('location')).toBe('/v1/products/chair')
    const replaced = await writer.send('PUT', 'products/chair', { body: { id: 'chair', name: 'Other' } })
    expect([replaced.status, replaced.text]).toEqual([200, '{"id":"chair","name":"Other"}'])
    expect(replaced.headers.get('location')).toBeNull()
    expect(replaced.headers.get('etag')).not.toBe(made.headers.get('etag'))
    expect(
      String(replaced.headers.get('freshet-position')) > String(made.headers.get('freshet-position')),
    ).toBe(true)
    expect(await db.text('products', 'chair')).toBe(replaced.text)
  })

  test('a character of an id that is not valid in URLs is encoded in Location, and names the same document', async () => {
    const made = await writer.send('POST', 'products', { body: { id: 'a|b~c@d:e.f', name: 'x' } })
    expect(made.headers.get('location')).toBe('/v1/products/a%7Cb~c@d:e.f')
    const path = String(made.headers.get('location')).slice('/v1/'.length)
    expect((await writer.send('PUT', path, { body: { name: 'y' } })).status).toBe(200)
  })

  test('a body larger than a few kilobytes, or with non-ASCII characters, is answered byte for byte', async () => {
    for (const name of ['ä€😀', 'ä'.repeat(40_000)]) {
      const got = await writer.send('POST', 'products', { body: { id: `text-${name.length}`, name } })
      expect(got.text).toBe(JSON.stringify({ id: `text-${name.length}`, name }))
    }
  })

  test('PUT of the stored version is 200 with a position and the same ETag', async () => {
    const made = await writer.send('PUT', 'products/same', { body: { name: 'Same' } })
    const again = await writer.send('PUT', 'products/same', { body: { name: 'Same' } })
    expect(again.status).toBe(200)
    expect(again.headers.get('etag')).toBe(made.headers.get('etag'))
    expect(
      String(again.headers.get('freshet-position')) >= String(made.headers.get('freshet-position')),
    ).toBe(true)
  })

  test('a document with very many objects can be replaced like any other', async () => {
    const list = Array.from({ length: 60_000 }, (_, a) => ({ a }))
    const bodies = [{ name: 'first', list }, { name: 'second', list }, { name: 'third' }]
    const statuses: number[] = []
    for (const body of bodies) statuses.push((await writer.send('PUT', 'products/many', { body })).status)
    expect(statuses).toEqual([201, 200, 200])
  })

  test('PUT with another id in the body is 422 id-mismatch', async () => {
    const got = await writer.send('PUT', 'products/chair', { body: { id: 'stool', name: 'x' } })
    expect(got.status).toBe(422)
    expect(got.json).toMatchObject({ type: 'https://freshet.dev/problems/id-mismatch' })
  })

  test('PUT with Content-Range is 400 and replaces nothing', async () => {
    await writer.send('PUT', 'products/parts', { body: { name: 'whole' } })
    const headers = { 'content-range': 'bytes 0-13/20' }
    const got = await writer.send('PUT', 'products/parts', { headers, body: { name: 'part' } })
    expect(got.json).toMatchObject({ status: 400, type: 'https://freshet.dev/problems/bad-header' })
    expect(await db.text('products', 'parts')).toContain('whole')
  })

  test('DELETE is 204 with a position, then 404 with a position that is not earlier', async () => {
    await writer.send('PUT', 'products/gone', { body: { name: 'x' } })
    const got = await writer.send('DELETE', 'products/gone')
    expect([got.status, got.text]).toEqual([204, ''])
    const at = String(got.headers.get('freshet-position'))
    expect(at).toMatch(position)
    expect(await db.text('products', 'gone')).toBeUndefined()
    const again = await writer.send('DELETE', 'products/gone')
    expect(again.status).toBe(404)
    expect(again.json).toMatchObject({ type: 'https://freshet.dev/problems/not-found' })
    expect(String(again.headers.get('freshet-position')) >= at).toBe(true)
  })

  test('Prefer: return=minimal omits the body and keeps status, ETag and position', async () => {
    const prefer = { headers: { prefer: 'return=minimal' } }
    for (const [method, path, status] of [
      ['POST', 'products', 201],
      ['PUT', 'products/minimal', 200],
    ] as const) {
      const body = { id: 'minimal', name: 'x' }
      const got = await writer.send(method, path, { ...prefer, body })
      expect([got.status, got.text]).toEqual([status, ''])
      expect(got.headers.get('preference-applied')).toBe('return=minimal')
      expect(got.headers.get('etag')).toMatch(etag)
      expect(got.headers.get('freshet-position')).toMatch(position)
    }
    const post = await writer.send('POST', 'products', {
      headers: { prefer: 'handling=lenient' },
      body: { name: 'x' },
    })
    expect(post.headers.get('preference-applied')).toBeNull()
  })

  test('ids of other types are checked in their canonical form, and integers must be given', async () => {
    const put = await writer.send('PUT', 'numbered/42', { body: { name: 'x' } })
    expect(put.status).toBe(201)
    expect(await db.text('numbered', '42')).toBe('{"id":"42","name":"x"}')
    // What is returned can be sent back.
    expect(put.json).toEqual({ id: '42', name: 'x' })
    expect((await writer.send('PUT', 'numbered/42', { body: put.json })).status).toBe(200)
    expect((await writer.send('PUT', 'numbered/042', { body: { name: 'x' } })).json).toMatchObject({
      status: 400,
      type: 'https://freshet.dev/problems/bad-id',
    })
    expect((await writer.send('POST', 'numbered', { body: { name: 'x' } })).status).toBe(422)
  })

  test('a token is required unless the collection is public for writes', async () => {
    const body = { id: 'o1' }
    const without = await writer.send('POST', 'orders', { body })
    expect(without.status).toBe(401)
    expect(without.headers.get('www-authenticate')).toBe('Bearer')
    const authorization = await bearer()
    const wrong = `${authorization.slice(0, -8)}AAAAAAAA`
    expect((await writer.send('POST', 'orders', { headers: { authorization: wrong }, body })).status).toBe(
      401,
    )
    expect((await writer.send('POST', 'orders', { headers: { authorization }, body })).status).toBe(201)
  })

  test('GET and HEAD are 405 with the allowed methods and a link to a reader', async () => {
    for (const method of ['GET', 'HEAD']) {
      const got = await writer.send(method, 'products/lamp')
      expect(got.status).toBe(405)
      expect(got.headers.get('allow')).toBe('PUT, PATCH, DELETE, OPTIONS')
      expect(got.headers.get('link')).toBe('<http://reader.example/v1/products/lamp>; rel="alternate"')
    }
    const post = await writer.send('POST', 'products/lamp', { body: {} })
    expect([post.status, post.headers.get('link')]).toEqual([405, null])
    const put = await writer.send('PUT', 'products', { body: {} })
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
  })

  test.each([
    ['POST', 'nothing', 'unknown-collection', 404],
    ['PUT', 'nothing/x', 'unknown-collection', 404],
    ['PUT', 'Products/x', 'unknown-collection', 404],
    ['POST', 'messages', 'messages-off', 404],
    ['PUT', 'groups/x', 'messages-off', 404],
    ['PUT', 'products/x/', 'unknown-path', 404],
    ['PUT', 'products/x/y', 'unknown-path', 404],
    ['POST', ':nothing', 'unknown-path', 404],
    ['POST', 'products:changes', 'unknown-path', 404],
    ['PUT', 'products/%zz', 'bad-url', 400],
    ['PUT', 'products/a%20b', 'bad-id', 400],
    ['PUT', 'products/x?a=1', 'bad-query', 400],
  ])('%s %s is %s', async (method, path, code, status) => {
    const got = await writer.send(method, path, { body: { name: 'x' } })
    expect(got.json).toMatchObject({ status, type: `https://freshet.dev/problems/${code}` })
  })

  test('a body whose type is not JSON is 415, one that is too large is 413', async () => {
    for (const type of ['text/plain', 'application/json; charset=latin1', 'application/merge-patch+json']) {
      const got = await writer.send('POST', 'products', { headers: { 'content-type': type }, body: '{}' })
      expect([got.status, got.headers.get('accept-post')]).toEqual([415, 'application/json'])
    }
    const fine = { 'content-type': 'Application/JSON; charset=UTF-8' }
    expect((await writer.send('PUT', 'products/typed', { headers: fine, body: '{"name":"x"}' })).status).toBe(
      201,
    )
    const large = await writer.send('POST', 'products', { body: { name: 'x'.repeat(2 ** 20) } })
    expect(large.status).toBe(413)
  })
}
