import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { RouteTable, type Route } from '../src/index.ts'
import { RunningRequests } from '../src/route-table.ts'
import { openShell } from './open-shell.ts'

test('S15 closing waits for every running route, however it ends, and refuses new requests', async () => {
  const requests = new RunningRequests()
  const held: (() => void)[] = []
  const row = (path: string, answer: Route['answer']): Route => ({
    methods: ['GET'],
    path,
    who: 'public',
    answer,
  })
  const routes = [
    row('/now', ({ response }) => void response.end('now')),
    row('/throws', () => {
      throw new Error('route failed')
    }),
    row('/rejects', async () => {
      await new Promise<void>((resolve) => held.push(resolve))
      throw new Error('route failed')
    }),
    row('/waits', async ({ response }) => {
      await new Promise<void>((resolve) => held.push(resolve))
      response.end('waited')
    }),
  ]
  await using bench = await openShell(new RouteTable({ routes, requests }).handlerAt(''))
  expect((await fetch(`${bench.url}/now`)).status).toBe(200)
  expect((await fetch(`${bench.url}/throws`)).status).toBe(500)
  const running = ['rejects', 'waits'].map((path) => fetch(`${bench.url}/${path}`))
  await eventually(() => expect(held).toHaveLength(2))
  let closed = false
  const closing = requests.close().then(() => (closed = true))
  expect((await fetch(`${bench.url}/now`)).status).toBe(503)
  held[0]?.()
  expect((await running[0])?.status).toBe(500)
  expect(closed).toBe(false)
  held[1]?.()
  expect(await (await running[1])?.text()).toBe('waited')
  await closing
  expect((await fetch(`${bench.url}/now`)).status).toBe(503)
  // Nothing is running, so it resolves at once.
  await new RunningRequests().close()
})
