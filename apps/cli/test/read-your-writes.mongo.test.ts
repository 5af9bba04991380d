import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { devLineOf, type DevLine } from './support/dev-line.ts'
import { Program } from './support/program.ts'

const rounds = 10_000
/** Clients that write and read at the same time. */
const clients = 16

let dev: Program
let line: DevLine

beforeAll(async () => {
  dev = new Program(['dev', '--json', '--port=0', '--no-sample', '--ephemeral'])
  line = devLineOf(await dev.json())
})
afterAll(() => dev[Symbol.asyncDispose]())

/** A write that was acknowledged. */
interface Written {
  readonly id: string
  readonly stock: number
  readonly position: string
}

async function write(stock: number): Promise<Written> {
  const response = await fetch(`${line.writer}/v1/products`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${line.token}`,
      prefer: 'return=minimal',
    },
    body: JSON.stringify({ name: 'Kettle', price: 12.5, stock }),
  })
  await response.arrayBuffer()
  expect(response.status).toBe(201)
  const id = response.headers.get('location')?.split('/').at(-1) ?? ''
  return { id, stock, position: response.headers.get('freshet-position') ?? '' }
}

/** Why an answer does not show the write; `undefined` when it does. */
async function staleness(response: Response, { id, stock, position }: Written): Promise<string | undefined> {
  const text = await response.text()
  const at = response.headers.get('freshet-position') ?? ''
  if (at < position) return `${id}: stands at ${at}, was written at ${position}`
  const wanted = JSON.stringify({ id, name: 'Kettle', price: 12.5, stock })
  return response.status === 200 && text === wanted ? undefined : `${id}: ${response.status} ${text}`
}

async function fillsOf(url: string): Promise<number> {
  const status: unknown = await (await fetch(`${url}/statusz`)).json()
  if (typeof status !== 'object' || status === null || !('fills' in status)) throw new Error('expected fills')
  return Number(status.fills)
}

test('P4 10,000 writes are read at once from another process: none is stale, and the database is asked for less than 1 %', async () => {
  const stale: string[] = []
  let next = 0
  const client = async (): Promise<void> => {
    while (next < rounds) {
      next += 1
      const written = await write(next)
      const reader = line.readers[written.stock % line.readers.length] ?? ''
      const headers = { 'freshet-at-least': written.position }
      const why = await staleness(await fetch(`${reader}/v1/products/${written.id}`, { headers }), written)
      if (why !== undefined) stale.push(why)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const fills = (await Promise.all(line.management.readers.map(fillsOf))).reduce((sum, one) => sum + one, 0)
  process.stderr.write(
    `${rounds} reads of own writes: ${stale.length} stale, ${fills} asked of the database\n`,
  )
  expect(stale).toEqual([])
  expect(fills).toBeLessThanOrEqual(rounds / 100)
})

test('P4 the same judge finds an answer from before the write', async () => {
  const before = await fetch(`${line.readers[0] ?? ''}/v1/products/nothing`)
  const written = await write(1)
  expect(await staleness(before, written)).toMatch(/stands at/)
  const other = await fetch(`${line.readers[0] ?? ''}/v1/products/nothing`, {
    headers: { 'freshet-at-least': written.position },
  })
  expect(await staleness(other, written)).toMatch(/404/)
})
