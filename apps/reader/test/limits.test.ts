import { expect, test } from '@jest/globals'
import { defineOptions, readConfig } from '@freshet/kit'
import { isId } from '@freshet/protocol'
import { defaultReplicaOptions } from '@freshet/replica'
import { serviceOptions } from '@freshet/service'
import { readerOptions } from '../src/options.ts'
import { readMinFreshness } from '../src/freshness.ts'
import { openReader } from './support/open-reader.ts'

const KiB = 2 ** 10
const MiB = 2 ** 20

/** A reader with default options. */
const config = readConfig(defineOptions({ ...serviceOptions, ...readerOptions }), {
  argv: ['--database=shop'],
  env: { FRESHET_MONGODB_URI: 'mongodb://nowhere' },
  readFile: () => '',
})

/** How long a client waits for a position with this Prefer header. */
const waitMs = (prefer?: string): number | undefined =>
  readMinFreshness({ 'freshet-at-least': 'now', ...(prefer !== undefined && { prefer }) })?.waitMs

test.each([
  ['bytes of a body', config.maxBodyBytes, MiB],
  ['bytes of the headers', config.maxHeaderBytes, 16 * KiB],
  ['milliseconds for the headers', config.headersWithinMs, 10_000],
  ['milliseconds for the body', config.bodyWithinMs, 30_000],
  ['open sockets', config.maxSockets, 10_000],
  ['milliseconds of the default wait for a position', waitMs(), 1_000],
  ['milliseconds of the longest wait for a position', waitMs('wait=86400'), 30_000],
  ['milliseconds of a wait for an uncached document', config.fillWaitMs, 5_000],
  ['seconds that a position may be ahead', defaultReplicaOptions.maxAheadMs / 1_000, 60],
  ['waiters', defaultReplicaOptions.maxWaiters, 1_000],
  ['bytes of one answer', defaultReplicaOptions.maxAnswerBytes, 16 * MiB],
  ['reads waiting for documents', defaultReplicaOptions.maxReads, 10_000],
  ['cache bytes', config.cacheBytes, 256 * MiB],
])('P9 the default limit of a reader is as documented: %s', (_what, limit, wanted) => {
  expect(limit).toBe(wanted)
})

test('P9 an id has at most 256 characters, in a URL and in a list, and a list has at most 200 ids', async () => {
  await using reader = await openReader()
  const statusOf = async (path: string): Promise<number> => (await reader.ask(`/v1/products${path}`)).status
  const id = 'a'.repeat(256)
  expect(isId(id)).toBe(true)
  expect([await statusOf(`/${id}`), await statusOf(`/${id}a`)]).toEqual([404, 400])
  expect([await statusOf(`?ids=${id}`), await statusOf(`?ids=${id}a`)]).toEqual([200, 400])
  const ids = (count: number): string => Array.from({ length: count }, (_, at) => at).join()
  expect([await statusOf(`?ids=${ids(200)}`), await statusOf(`?ids=${ids(201)}`)]).toEqual([200, 400])
})
