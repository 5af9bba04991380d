import { expect, test } from '@jest/globals'
import { openReader } from './support/open-reader.ts'

test('several documents are returned in the requested order, with the missing ids listed, all at one position', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a"}')
  const position = reader.replica.put('products/b', '{"id":"b","name":"Käse"}')
  const answer = await reader.ask('/v1/products?ids=b,x,a,y')
  expect(answer.status).toBe(200)
  expect(await answer.text()).toBe('{"items":[{"id":"b","name":"Käse"},{"id":"a"}],"missing":["x","y"]}')
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'application/json',
    'freshet-position': position,
    'cache-status': 'freshet; fwd=miss; stored',
    age: '0',
  })
})

test('an id that is requested twice is answered once', async () => {
  await using reader = await openReader()
  reader.replica.put('products/a', '{"id":"a"}')
  const answer = await reader.ask('/v1/products?ids=a,x,a,x')
  expect(await answer.json()).toEqual({ items: [{ id: 'a' }], missing: ['x'] })
})

test('HEAD has the length and no body', async () => {
  await using reader = await openReader()
  const answer = await reader.ask('/v1/products?ids=a', { method: 'HEAD' })
  expect([answer.headers.get('content-length'), await answer.text()]).toEqual(['28', ''])
})

const many = (count: number): string => Array.from({ length: count }, (_, index) => `i${index}`).join()

test.each([
  ['', 'bad-query'],
  ['?ids=', 'bad-query'],
  [`?ids=${many(201)}`, 'bad-query'],
  ['?ids=a&limit=5', 'bad-query'],
  ['?ids=a&ids=b', 'bad-url'],
  ['?ids=a,,b', 'bad-id'],
])('%.40s is refused', async (query, code) => {
  await using reader = await openReader()
  const answer = await reader.ask(`/v1/products${query}`)
  expect([answer.status, await answer.json()]).toEqual([
    400,
    expect.objectContaining({ type: `https://freshet.dev/problems/${code}` }),
  ])
})

test('without ids, the detail says how to pass them, and that there is no list of all documents', async () => {
  await using reader = await openReader()
  const answerTo = async (query: string): Promise<unknown> =>
    await (await reader.ask(`/v1/products${query}`)).json()
  const detail = 'Expected ?ids=a,b with 1 to 200 ids. There is no list of all documents.'
  for (const query of ['', '?ids=']) expect(await answerTo(query)).toMatchObject({ detail })
  expect(await answerTo(`?ids=${many(201)}`)).toMatchObject({ detail: 'Expected 1 to 200 ids, got 201.' })
})

test('200 ids are accepted, and an unknown parameter is refused with the known ones', async () => {
  await using reader = await openReader()
  expect((await reader.ask(`/v1/products?ids=${many(200)}`)).status).toBe(200)
  const answer = await reader.ask('/v1/products?id=a')
  expect(await answer.json()).toMatchObject({ detail: 'Expected ids; got "id".' })
})

test('an answer that would be too large is 422', async () => {
  await using reader = await openReader()
  reader.replica.failure = 'ANSWER_TOO_LARGE'
  const answer = await reader.ask('/v1/products?ids=a,b')
  expect(answer.status).toBe(422)
})
