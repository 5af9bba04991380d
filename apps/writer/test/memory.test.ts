import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { heldGround } from './support/held-ground.ts'
import { openWriter } from './support/open-writer.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const MiB = 2 ** 20

/** A body of a megabyte whose parsed value takes more than twenty. */
const many = `[${Array(340_000).fill('{}').join()}]`

const unreachable = 'mongodb://127.0.0.1:1'

test.each([
  ['POST', 'products', 'application/json', `{"name":"x","many":${many}}`],
  ['PUT', 'products/x', 'application/json', `{"name":"x","many":${many}}`],
  ['PATCH', 'products/x', 'application/merge-patch+json', `{"many":${many}}`],
  ['PATCH', 'products/x', 'application/json-patch+json', `[{"op":"add","path":"/many","value":${many}}]`],
])('%s %s of %s keeps no parsed value while the database is waited for', async (method, path, type, body) => {
  const ground = heldGround()
  await using writer = await openWriter(unreachable, { argv: ['--stop-within=0s'], over: () => ground })
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const sent = Array.from({ length: 4 }, () =>
    writer.send(method, path, { headers: { 'content-type': type }, body }),
  )
  const ended = Promise.allSettled(sent)
  await eventually(() => expect(ground.held()).toBe(sent.length))
  collectGarbage()
  // Less than one of the four would take.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * MiB)
  await writer.service.stop()
  await ended
})

test('bodies that are being written count against their budget: more are 503, and it is told', async () => {
  const ground = heldGround()
  const argv = ['--stop-within=0s', '--max-body=1000B', '--bodies-size=1000B']
  await using writer = await openWriter(unreachable, { argv, over: () => ground })
  const body = { name: 'x'.repeat(600) }
  const held = Promise.allSettled([writer.send('POST', 'products', { body })])
  await eventually(() => expect(ground.held()).toBe(1))
  const { bodiesBytes } = await writer.status()
  expect(bodiesBytes).toBe(JSON.stringify(body).length)
  for (const [method, path] of [
    ['POST', 'products'],
    ['PUT', 'products/x'],
  ] as const)
    expect((await writer.send(method, path, { body })).json).toMatchObject({
      status: 503,
      type: 'https://freshet.dev/problems/overloaded',
    })
  const merge = { 'content-type': 'application/merge-patch+json' }
  expect((await writer.send('PATCH', 'products/x', { headers: merge, body })).status).toBe(503)
  expect(ground.held()).toBe(1)
  await writer.service.stop()
  await held
})

test('a budget for all bodies that does not hold one is refused at the start', async () => {
  const argv = ['--max-body=1001B', '--bodies-size=1000B']
  await expect(openWriter(unreachable, { argv, over: heldGround })).rejects.toThrow(/--bodies-size/)
})
