import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { openReader } from './support/open-reader.ts'

test('waiting requests are answered at once when the reader stops: another reader may have the document', async () => {
  await using reader = await openReader({ argv: ['--stop-within=1h'] })
  reader.replica.held = new Promise(() => undefined)
  const ahead = reader.replica.positionText.slice(0, -1) + 'f'
  const waiting = [
    reader.ask('/v1/products/a', { headers: { 'freshet-at-least': ahead, prefer: 'wait=30' } }),
    reader.ask('/v1/products/b'),
    reader.ask('/v1/products?ids=c,d', { headers: { 'freshet-at-least': 'now', prefer: 'wait=30' } }),
  ]
  await eventually(() => expect([reader.replica.waiting, reader.replica.fetching]).toEqual([1, 2]))
  const stopped = reader.service.stop()
  for (const answer of await Promise.all(waiting)) {
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, expect.any(String)])
    expect(await answer.json()).toMatchObject({ type: 'https://freshet.dev/problems/not-ready' })
  }
  await stopped
})

test('a program that closes a mounted reader waits for every read, however its URL is spelled', async () => {
  const running = new Set<object>()
  const run = (work: () => void | Promise<void>): void | Promise<void> => {
    const one = {}
    running.add(one)
    const result = work()
    if (result instanceof Promise) return result.finally(() => running.delete(one))
    running.delete(one)
  }
  await using reader = await openReader({ requests: { run } })
  let release = (): void => undefined
  reader.replica.held = new Promise((resolve) => (release = resolve))
  const paths = ['/v1/products/a', '/v1/products/a%62', '/v1/products?ids=c,d']
  const answers = paths.map((path) => reader.ask(path))
  await eventually(() => expect(running.size).toBe(paths.length))
  release()
  await Promise.all(answers)
  await eventually(() => expect(running.size).toBe(0))
})
