import { expect, test } from '@jest/globals'
import type { Got } from '../support/open-writer.ts'
import type { OpenHttp } from '../support/http-database.ts'

export function testPatches({ db, writer }: OpenHttp): void {
  function patch(format: 'merge' | 'json', id: string, body: unknown, headers = {}): Promise<Got> {
    const type = { 'content-type': `application/${format}-patch+json` }
    return writer.send('PATCH', `products/${id}`, { headers: { ...type, ...headers }, body })
  }

  test('a missing document is 404 with a position', async () => {
    const got = await patch('merge', 'nobody', { name: 'y' })
    expect(got.json).toMatchObject({ status: 404, type: 'https://freshet.dev/problems/not-found' })
    expect(got.headers.get('freshet-position')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
  })

  test('the result of a patch must match the schema; otherwise 422, and nothing is written', async () => {
    await db.put('products', 'fits', { name: 'x' })
    const got = await patch('merge', 'fits', { name: null })
    expect(got.json).toMatchObject({ status: 422, type: 'https://freshet.dev/problems/invalid-document' })
    expect(await db.text('products', 'fits')).toBe('{"id":"fits","name":"x"}')
  })

  test('a JSON patch with a failing test is 422 bad-patch with its location, and nothing is applied', async () => {
    await db.put('products', 'tested', { name: 'x' })
    const got = await patch('json', 'tested', [
      { op: 'replace', path: '/name', value: 'y' },
      { op: 'test', path: '/name', value: 'x' },
    ])
    expect(got.json).toMatchObject({ status: 422, type: 'https://freshet.dev/problems/bad-patch' })
    expect(got.json['errors']).toEqual([expect.objectContaining({ pointer: '/1/value' })])
    expect(await db.text('products', 'tested')).toBe('{"id":"tested","name":"x"}')
  })

  test('a patch in an unsupported format is 415 with the supported ones', async () => {
    for (const type of ['application/json', 'text/plain']) {
      const headers = { 'content-type': type }
      const got = await writer.send('PATCH', 'products/x', { headers, body: '{}' })
      expect(got.status).toBe(415)
      expect(got.headers.get('accept-patch')).toBe(
        'application/merge-patch+json, application/json-patch+json',
      )
    }
  })

  test('concurrent patches are all applied: each is reapplied to the result of the other', async () => {
    await db.put('products', 'counted', { name: 'x', list: [] })
    const one = (index: number) => patch('json', 'counted', [{ op: 'add', path: '/list/-', value: index }])
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all([one(round * 2), one(round * 2 + 1)])
      expect(answers.map(({ status }) => status)).toEqual([200, 200])
    }
    const { list }: { list: number[] } = JSON.parse((await db.text('products', 'counted')) ?? '')
    expect(list.toSorted((a, b) => a - b)).toEqual([...Array(20).keys()])
  })

  test('PUT keeps the order of names in a body, even of those that look like numbers', async () => {
    const body = '{"name":"x","2":"b","1":"a","id":"ordered"}'
    const got = await writer.send('PUT', 'products/ordered', { body })
    expect(got.text).toBe('{"id":"ordered","name":"x","2":"b","1":"a"}')
  })

  test.each([
    ['{"name":"x"', 400, 'malformed-body'],
    ['[]', 400, 'malformed-body'],
    ['{"name":"x","name":"y"}', 400, 'duplicate-key'],
    ['{"name":"x","n":9007199254740993}', 422, 'inexact-number'],
    ['{"name":"x","$set":1}', 422, 'forbidden-name'],
    ['{"name":"\\ud800"}', 422, 'bad-text'],
  ])('the body %s is %i %s', async (body, status, code) => {
    const got = await writer.send('PUT', 'products/bad', { body })
    expect(got.json).toMatchObject({ status, type: `https://freshet.dev/problems/${code}` })
  })
}
