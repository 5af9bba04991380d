import { expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Held } from '../src/held.ts'
import { openReader, type OpenReader } from './support/open-reader.ts'

const MiB = 2 ** 20

/** More than the kernel takes of an answer that nobody reads. */
const large = 12 * MiB

function put(reader: OpenReader, key: string, body: string | Buffer): void {
  reader.replica.put(key, '{}')
  reader.replica.documents.set(key, new Held('"0123456789012345678901"', body))
}

/** Asks and takes nothing of the answer. */
function askSilently(reader: OpenReader, path: string): Socket {
  const socket = connect(Number(new URL(reader.service.url).port), '127.0.0.1')
  socket.on('error', () => undefined).pause()
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  return socket
}

async function unsentBytes(reader: OpenReader): Promise<number> {
  const metrics = await (await fetch(`${reader.service.managementUrl}/metrics`)).text()
  return Number(/^freshet_unsent_bytes (\d+)$/m.exec(metrics)?.[1])
}

test.each(['/v1/products?ids=a', '/v1/products/a'])(
  'answers to %s that nobody takes are bounded together: 503 until they are taken, or their clients are gone',
  async (path) => {
    await using reader = await openReader({ unsentBytes: 20 * MiB })
    put(reader, 'products/a', Buffer.alloc(large, 'a'))
    put(reader, 'products/small', '{"id":"small"}')
    const silent = askSilently(reader, path)
    await eventually(async () => expect(await unsentBytes(reader)).toBeGreaterThanOrEqual(large))
    const refused = await reader.ask(path)
    expect([refused.status, await refused.json()]).toEqual([
      503,
      expect.objectContaining({ retryable: true }),
    ])
    expect((await reader.ask('/v1/products/small')).status).toBe(200)
    expect((await reader.ask(path, { method: 'HEAD' })).status).toBe(200)
    silent.destroy()
    await once(silent, 'close')
    await eventually(async () => expect(await unsentBytes(reader)).toBe(0))
    expect((await (await reader.ask(path)).arrayBuffer()).byteLength).toBeGreaterThanOrEqual(large)
    await eventually(async () => expect(await unsentBytes(reader)).toBe(0))
  },
)

test('one answer that is larger than all together may be has room when it is the only one', async () => {
  await using reader = await openReader({ unsentBytes: 1 })
  put(reader, 'products/a', Buffer.alloc(large, 'a'))
  expect((await reader.ask('/v1/products/a')).status).toBe(200)
})
