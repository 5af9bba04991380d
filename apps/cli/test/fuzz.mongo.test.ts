import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { seededRandom, type SeededRandom } from '@freshet/testkit'
import type { Got } from './support/answer.ts'
import { makeCollections, type FuzzCollections } from './fuzz/collections.ts'
import { RawClient } from './support/raw-client.ts'
import { makePools, slotsOf, type Pools, type Slot } from './fuzz/model.ts'
import { ReadWalk } from './fuzz/read-walk.ts'
import { WriteWalk } from './fuzz/write-walk.ts'
import { devLineOf, type DevLine } from './support/dev-line.ts'
import { Program } from './support/program.ts'

const REQUESTS = 20_000
const CLIENTS = 32
/** Documents of each collection that belong to one client. */
const OWN = 3

let collections: FuzzCollections
let poolsFor: (random: SeededRandom) => Pools
let dev: Program
let line: DevLine

beforeAll(async () => {
  collections = await makeCollections()
  poolsFor = makePools(collections.all, random.seed)
  const argv = ['--json', '--port=0', '--no-sample', '--ephemeral', '--readers=1', '--deliveries=0']
  dev = new Program(['dev', ...argv, `--collections=${collections.folder}`])
  line = devLineOf(await dev.json())
})
afterAll(async () => {
  await dev[Symbol.asyncDispose]()
  await collections[Symbol.asyncDispose]()
})

/** Whether a service is still the process that was started. */
async function lives(url: string): Promise<boolean> {
  return (await fetch(`${url}/livez`)).ok
}

const random = seededRandom()
const authorization = (): string => `Bearer ${line.token}`
/** What must be stored once all writes are done. */
const known: Slot[] = []

const clients: RawClient[] = []
afterAll(() => {
  for (const client of clients) client.close()
})

type Alter = (got: Got) => Got

/** A client of a service. `alter` falsifies its answers. */
function clientOf(url: string | undefined, alter?: Alter): RawClient {
  const client = new RawClient(url ?? '', alter)
  clients.push(client)
  return client
}

interface Walk {
  readonly sent: number
  readonly outcomes: ReadonlyMap<string, number>
  step(): Promise<void>
}

/** How many faults to collect before stopping; for a lying service, one is enough. */
const enoughOf = (alter: Alter | undefined): number => (alter ? 1 : 20)

/** Runs all clients and returns the faults they found. */
async function faultsOfWalks(
  requests: number,
  enough: number,
  make: (client: number, report: (fault: string) => void) => Walk,
): Promise<readonly string[]> {
  const faults: string[] = []
  const walks = Array.from({ length: CLIENTS }, (_, client) => make(client, (fault) => faults.push(fault)))
  await Promise.all(
    walks.map(async (walk) => {
      while (walk.sent < requests / CLIENTS && faults.length < enough) await walk.step()
    }),
  )
  const outcomes: Record<string, number> = {}
  for (const walk of walks)
    for (const [name, times] of walk.outcomes) outcomes[name] = (outcomes[name] ?? 0) + times
  process.stderr.write(`${JSON.stringify(outcomes)}\n`)
  if (enough > 1 && faults.length > 0) {
    // Test output is truncated, and a rare fault should be preserved in full.
    const file = join(tmpdir(), `freshet-fuzz-${random.seed}.txt`)
    await writeFile(file, `${faults.join('\n\n')}\n`)
    process.stderr.write(`the faults are in ${file}\n`)
  }
  return faults
}

/** Runs write clients, which own the documents with numbers from `first` on. */
async function write(requests: number, first: number, alter?: Alter): Promise<readonly string[]> {
  const shared = slotsOf(collections.all, first + CLIENTS, 2, true)
  return await faultsOfWalks(requests, enoughOf(alter), (client, report) => {
    const own = slotsOf(collections.all, first + client, OWN)
    if (!alter) known.push(...own)
    const forked = random.fork(first + client)
    const [writer, reader] = [clientOf(line.writer, alter), clientOf(line.readers[0], alter)]
    const pools = poolsFor(forked)
    return new WriteWalk({
      random: forked,
      pools,
      authorization: authorization(),
      writer,
      reader,
      own,
      shared,
      report,
    })
  })
}

async function read(requests: number, alter?: Alter): Promise<readonly string[]> {
  return await faultsOfWalks(requests, enoughOf(alter), (client, report) => {
    const forked = random.fork(1_000 + client)
    const reader = clientOf(line.readers[0], alter)
    return new ReadWalk({
      random: forked,
      pools: poolsFor(forked),
      authorization: authorization(),
      reader,
      known,
      report,
    })
  })
}

test(`${REQUESTS} valid, almost valid and random writes are answered according to the contract, and their effects can be read`, async () => {
  expect(await write(REQUESTS, 0)).toEqual([])
  expect(await lives(line.management.writer)).toBe(true)
})

test(`${REQUESTS} valid, almost valid and random reads are answered according to the contract, with what was written`, async () => {
  expect(await read(REQUESTS)).toEqual([])
  expect(await lives(line.management.readers[0] ?? '')).toBe(true)
})

const internal = JSON.stringify({ type: 'https://freshet.dev/problems/internal', title: 'x', status: 500 })

/** The answer with this header replaced or removed. */
function withHeader(got: Got, name: string, value?: string): Got {
  const { [name]: _, ...headers } = got.headers
  return { ...got, headers: { ...headers, ...(value !== undefined && { [name]: value }) } }
}

const lies: readonly (readonly [name: string, alter: Alter])[] = [
  ['fails', (got) => ({ ...got, status: 500, text: internal })],
  ['omits positions', (got) => withHeader(got, 'freshet-position')],
  ['goes backwards', (got) => withHeader(got, 'freshet-position', '00000000.0000000000000001')],
  [
    'returns wrong ETags',
    (got) => (got.headers.etag ? withHeader(got, 'etag', '"AAAAAAAAAAAAAAAAAAAAAA"') : got),
  ],
  ['returns wrong documents', (got) => (got.status < 300 && got.text ? { ...got, text: '{"id":"x"}' } : got)],
  [
    'reports existing documents as missing',
    (got) => (got.status === 200 ? { ...got, status: 404, text: '' } : got),
  ],
  [
    'accepts what it should refuse',
    (got) => (got.status === 422 || got.status === 412 ? { ...got, status: 204 } : got),
  ],
  ['leaks internals', (got) => (got.status === 400 ? { ...got, text: `${got.text} TypeError` } : got)],
]

test.each(lies)(
  'control: a service that %s is detected by the write clients and by the read clients',
  async (_, alter) => {
    expect(
      (await write(1_000, 100 + CLIENTS * lies.findIndex(([, one]) => one === alter), alter)).length,
    ).toBeGreaterThan(0)
    // The expected state is from the honest run.
    expect((await read(2_000, alter)).length).toBeGreaterThan(0)
  },
)
