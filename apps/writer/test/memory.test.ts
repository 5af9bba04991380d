import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { stalledBackend } from './support/stalled-backend.ts'
import { openWriter, type OpenWriter } from './support/open-writer.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const MiB = 2 ** 20

/** A body of one megabyte whose parsed value takes more than twenty. */
const many = `[${Array(340_000).fill('{}').join()}]`

const unreachable = 'mongodb://127.0.0.1:1'

test.each([
  ['POST', 'products', 'application/json', `{"name":"x","many":${many}}`],
  ['PUT', 'products/x', 'application/json', `{"name":"x","many":${many}}`],
  ['PATCH', 'products/x', 'application/merge-patch+json', `{"many":${many}}`],
  ['PATCH', 'products/x', 'application/json-patch+json', `[{"op":"add","path":"/many","value":${many}}]`],
])('%s %s of %s keeps no parsed value while waiting for the database', async (method, path, type, body) => {
  const backend = stalledBackend()
  await using writer = await openWriter(unreachable, { argv: ['--stop-within=0s'], over: () => backend })
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const sent = Array.from({ length: 4 }, () =>
    writer.send(method, path, { headers: { 'content-type': type }, body }),
  )
  const ended = Promise.allSettled(sent)
  await eventually(() => expect(backend.held()).toBe(sent.length))
  collectGarbage()
  // Less than one of the four would take.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * MiB)
  await writer.service.stop()
  await ended
})

/** The metric of one part of the budget. */
async function figure(writer: OpenWriter, name: string, part: string): Promise<number> {
  const text = await (await fetch(`${writer.service.managementUrl}/metrics`)).text()
  return Number(new RegExp(`^freshet_${name}\\{part="${part}"\\} (\\d+)$`, 'm').exec(text)?.[1])
}

test('bodies being written count against the budget: further ones wait, then get 503, and metrics report it', async () => {
  const backend = stalledBackend()
  const argv = ['--stop-within=0s', '--max-body=40000B', '--in-flight-size=1MiB']
  await using writer = await openWriter(unreachable, { argv, over: () => backend })
  const body = { name: 'x'.repeat(35_000) }
  const merge = { 'content-type': 'application/merge-patch+json' }
  // Each body is held as stored and as sent, which leaves no capacity to read another one.
  const held = Promise.allSettled([1, 2, 3].map(() => writer.send('POST', 'products', { body })))
  await eventually(() => expect(backend.held()).toBe(3))
  const before = await figure(writer, 'in_flight_bytes', 'writes')
  expect(before).toBeGreaterThan(3 * 35_000)
  expect((await writer.status()).bodiesBytes).toBe(before)
  const more = [
    writer.send('POST', 'products', { body }),
    writer.send('PUT', 'products/x', { body }),
    writer.send('PATCH', 'products/x', { headers: merge, body }),
  ]
  await eventually(async () => expect(await figure(writer, 'in_flight_waiting', 'writes')).toBe(3))
  for (const { json } of await Promise.all(more))
    expect(json).toMatchObject({ status: 503, type: 'https://freshet.dev/problems/overloaded' })
  expect(await figure(writer, 'in_flight_refused_total', 'writes')).toBeGreaterThanOrEqual(3)
  expect(backend.held()).toBe(3)
  await writer.service.stop()
  await held
})

test('a budget that cannot hold a single body is rejected at startup', async () => {
  const argv = ['--max-body=2MiB', '--in-flight-size=1MiB']
  await expect(openWriter(unreachable, { argv, over: stalledBackend })).rejects.toThrow(/--in-flight-size/)
})
