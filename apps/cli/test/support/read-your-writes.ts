import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Got } from './answer.ts'
import { devLineOf, type DevLine } from './dev-line.ts'
import { Program } from './program.ts'
import { RawClient } from './raw-client.ts'

/** Clients that write and read concurrently. */
const clients = 16

let line: DevLine

/** An acknowledged write. */
interface Written {
  readonly id: string
  readonly stock: number
  readonly position: string
}

/** Connections of one client, to the writer and to each reader. */
interface Client {
  readonly writer: RawClient
  readonly readers: readonly RawClient[]
}

const open: RawClient[] = []
afterAll(() => {
  for (const one of open) one.close()
})

function clientOf({ writer, readers }: DevLine): Client {
  const all = [writer, ...readers].map((url) => new RawClient(url))
  open.push(...all)
  const [first, ...rest] = all
  if (first === undefined) throw new Error('expected a writer')
  return { writer: first, readers: rest }
}

async function write({ writer }: Client, stock: number): Promise<Written> {
  const { status, headers } = await writer.send({
    method: 'POST',
    path: '/v1/products',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${line.token}`,
      prefer: 'return=minimal',
    },
    body: JSON.stringify({ name: 'Kettle', price: 12.5, stock }),
  })
  expect(status).toBe(201)
  return {
    id: headers['location']?.split('/').at(-1) ?? '',
    stock,
    position: String(headers['freshet-position'] ?? ''),
  }
}

async function read({ readers }: Client, path: string, position?: string): Promise<Got> {
  // Each reader in turn.
  const reader = readers[turn++ % readers.length]
  if (reader === undefined) throw new Error('expected a reader')
  const headers = position === undefined ? {} : { 'freshet-at-least': position }
  return await reader.send({ method: 'GET', path, headers })
}
let turn = 0

/** Why an answer does not show the write; `undefined` if it does. */
function staleness({ status, headers, text }: Got, { id, stock, position }: Written): string | undefined {
  const at = String(headers['freshet-position'] ?? '')
  if (at < position) return `${id}: is at ${at}, was written at ${position}`
  const wanted = JSON.stringify({ id, name: 'Kettle', price: 12.5, stock })
  return status === 200 && text === wanted ? undefined : `${id}: ${status} ${text}`
}

async function fillsOf(url: string): Promise<number> {
  const status: unknown = await (await fetch(`${url}/statusz`)).json()
  if (typeof status !== 'object' || status === null || !('fills' in status)) throw new Error('expected fills')
  return Number(status.fills)
}

/** The tests of reading one's own writes, with a run of `freshet dev`. */
export function testReadYourWrites(rounds: number, ...args: readonly string[]): void {
  let dev: Program

  beforeAll(async () => {
    dev = new Program(['dev', '--json', '--port=0', '--no-sample', '--ephemeral', '--deliveries=0', ...args])
    line = devLineOf(await dev.json())
  })
  afterAll(() => dev[Symbol.asyncDispose]())

  test(`P4 ${rounds} writes are read back at once from another process: none is stale, and less than 1 % cause database reads`, async () => {
    const stale: string[] = []
    let next = 0
    const work = async (client: Client): Promise<void> => {
      while (next < rounds) {
        next += 1
        const written = await write(client, next)
        const why = staleness(await read(client, `/v1/products/${written.id}`, written.position), written)
        if (why !== undefined) stale.push(why)
      }
    }
    await Promise.all(Array.from({ length: clients }, () => work(clientOf(line))))
    const fills = (await Promise.all(line.management.readers.map(fillsOf))).reduce((sum, one) => sum + one, 0)
    process.stderr.write(`${rounds} reads of own writes: ${stale.length} stale, ${fills} from the database\n`)
    expect(stale).toEqual([])
    expect(fills).toBeLessThanOrEqual(rounds / 100)
  })

  test('P4 negative control: the same check detects an answer from before the write', async () => {
    const client = clientOf(line)
    const before = await read(client, '/v1/products/nothing')
    const written = await write(client, 1)
    expect(staleness(before, written)).toMatch(/is at/)
    expect(staleness(await read(client, '/v1/products/nothing', written.position), written)).toMatch(/404/)
  })
}
