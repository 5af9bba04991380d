import { expect, test } from '@jest/globals'
import type { DatabaseReport } from '@freshet/migration'
import { databaseFindings } from '../src/doctor/database-findings.ts'
import { serviceFindings } from '../src/doctor/service-findings.ts'

const MiB = 2 ** 20
const hourMs = 3_600_000
const good: DatabaseReport = {
  differences: [],
  oplog: { windowMs: 48 * hourMs, usedBytes: 1_000 * MiB, maxBytes: 1_000 * MiB },
  connections: { current: 10, available: 1_000 },
  members: [
    { host: 'a:1', clockAheadMs: 100 },
    { host: 'b:1', clockAheadMs: -200 },
  ],
  snapshotHistoryS: 300,
}
const verdicts = (report: Partial<DatabaseReport>, lagS = 2) =>
  Object.fromEntries(
    databaseFindings({ ...good, ...report }, { lagS, connections: 200 }).map(({ name, verdict }) => [
      name,
      verdict,
    ]),
  )

test('a good server', () => {
  expect(new Set(Object.values(verdicts({})))).toEqual(new Set(['ok']))
})

const full = { usedBytes: 1_000 * MiB, maxBytes: 1_000 * MiB }
test.each<[string, DatabaseReport['oplog'], number, string]>([
  ['30 minutes', { ...full, windowMs: hourMs / 2 }, 0, 'fault'],
  ['3 hours', { ...full, windowMs: 3 * hourMs }, 0, 'warning'],
  ['3 hours, and a lag of 20 minutes', { ...full, windowMs: 3 * hourMs }, 1_200, 'fault'],
  [
    'an hour of a hundredth, which becomes 100',
    { windowMs: hourMs, usedBytes: 10 * MiB, maxBytes: 1_000 * MiB },
    0,
    'ok',
  ],
  [
    'an hour of a half, which becomes 2',
    { windowMs: hourMs, usedBytes: 500 * MiB, maxBytes: 1_000 * MiB },
    0,
    'warning',
  ],
  [
    'a minute of a half, which is too young',
    { windowMs: 60_000, usedBytes: 500 * MiB, maxBytes: 1_000 * MiB },
    0,
    'ok',
  ],
])('an oplog of %s', (_, oplog, lagS, verdict) => {
  expect(verdicts({ oplog }, lagS)).toMatchObject({ oplog: verdict })
})

test.each<[string, Partial<DatabaseReport>, Readonly<Record<string, string>>]>([
  ['clocks 3 s apart', { members: [{ host: 'a:1', clockAheadMs: 3_000 }] }, { clocks: 'warning' }],
  [
    'clocks 8 s apart that are 4 s from this machine',
    {
      members: [
        { host: 'a:1', clockAheadMs: 4_000 },
        { host: 'b:1', clockAheadMs: -4_000 },
      ],
    },
    { clocks: 'fault' },
  ],
  ['a member that is down', { members: [{ host: 'a:1', clockAheadMs: undefined }] }, { 'a:1': 'fault' }],
  ['too few connections', { connections: { current: 10, available: 100 } }, { connections: 'fault' }],
  ['no history', { snapshotHistoryS: 5 }, { 'snapshot history': 'warning' }],
  ['differences', { differences: ['a'] }, { 'roles and users': 'fault' }],
])('%s', (_, report, found) => {
  expect(verdicts(report)).toMatchObject(found)
})

test('a container that is smaller than heap and bytes in flight is a fault', () => {
  const reading = (limitMiB: number) => ({
    name: 'reader 1',
    managementUrl: 'http://a',
    status: { role: 'reader', version: '1', lagSeconds: 3 },
    metrics: new Map([
      ['heap_limit_bytes', 454 * MiB],
      ['in_flight_limit_bytes', 64 * MiB],
      ['replica_budget_bytes', 256 * MiB],
      ['process_resident_memory_bytes', 300 * MiB],
      ['memory_limit_bytes', limitMiB * MiB],
    ]),
    unready: undefined,
    clockAheadMs: 0,
  })
  const memory = (limitMiB: number) =>
    serviceFindings([reading(limitMiB)]).find(({ name }) => name === 'reader 1: memory')
  expect(memory(640)).toMatchObject({ verdict: 'ok' })
  expect(memory(512)).toMatchObject({
    verdict: 'fault',
    seen: '300 MiB used; heap 454, cache 256, in flight 64, so up to 618; limit 512',
    remedy: expect.stringContaining('to 618 MiB'),
  })
})

test('a service that is not ready is a fault with its reason', () => {
  const reading = {
    name: 'reader 1',
    managementUrl: 'http://a',
    status: {},
    metrics: new Map(),
    clockAheadMs: 0,
  }
  expect(serviceFindings([{ ...reading, unready: 'loading' }])).toContainEqual(
    expect.objectContaining({ name: 'reader 1', verdict: 'fault', seen: 'not ready: loading' }),
  )
})

test('a collection that a reader refuses is a fault with the reason', () => {
  const reading = {
    name: 'reader 1',
    managementUrl: 'http://a',
    status: { role: 'reader', refusedCollections: { orders: 'expected a table, got a view' } },
    metrics: new Map(),
    unready: undefined,
    clockAheadMs: 0,
  }
  expect(serviceFindings([reading])).toContainEqual(
    expect.objectContaining({
      name: 'reader 1: orders',
      verdict: 'fault',
      seen: 'refused with 503: expected a table, got a view',
    }),
  )
})
