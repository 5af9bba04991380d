import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { portsAt, requireFreePorts } from '../src/dev/ports.ts'

/** Listens on a port of 127.0.0.1, like another program would. */
async function squatter() {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) }
}

test('each service has its own public port and management port; 0 lets the system choose', () => {
  const pairs = [0, 1, 2].map((place) => portsAt(7400, place))
  expect(pairs.map(({ port }) => port)).toEqual([7400, 7401, 7402])
  expect(new Set(pairs.flatMap((pair) => Object.values(pair))).size).toBe(6)
  expect(portsAt(0, 2)).toEqual({ port: 0, managementPort: 0 })
})

test('a port in use is reported before anything starts, with a remedy', async () => {
  // The ports beside it may be taken by other programs, in which case another one is tried.
  await eventually(async () => {
    await using taken = await squatter()
    const words = (use: string) =>
      new RegExp(`^PORT_TAKEN: port ${taken.port} on 127.0.0.1, required for ${use}, is in use.*--port=0`)
    await expect(requireFreePorts(taken.port, ['the writer'], '127.0.0.1')).rejects.toThrow(
      words('the writer'),
    )
    await expect(requireFreePorts(taken.port - 1, ['the writer', 'reader 1'], '127.0.0.1')).rejects.toThrow(
      words('reader 1'),
    )
    await expect(requireFreePorts(taken.port - 100, ['the writer'], '127.0.0.1')).rejects.toThrow(
      words('health and metrics of the writer'),
    )
    await expect(requireFreePorts(0, ['the writer'], '127.0.0.1')).resolves.toBeUndefined()
  })
})
