/** Nothing but node:http, a Map and the driver. With `follow`, the Map follows the collection by `watch`. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isOrder, jsonOf, listen, orders, ownOrders, readAll, type Stored } from './peer.ts'

/** Texts of the start, and documents of the stream. */
const cached = new Map<string, string | Stored>()
/** Requests that wait until a change with this mark was seen. */
const waiting = new Map<string, () => void>()

function answer(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(json),
  })
  response.end(json)
}

async function post(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString())
  if (!isOrder(body)) return answer(response, 422, '{}')
  const stored = { _id: randomUUID(), ...body }
  await ownOrders.insertOne(stored)
  answer(response, 201, jsonOf(stored))
}

const server = createServer((request, response) => {
  const { method, url = '', headers } = request
  if (method === 'POST')
    return void post(request, response).catch((error: unknown) =>
      answer(response, 500, JSON.stringify(error)),
    )
  const get = (): void => {
    const found = cached.get(url.slice('/orders/'.length))
    if (found === undefined) answer(response, 404, '{}')
    else answer(response, 200, typeof found === 'string' ? found : jsonOf(found))
  }
  const { mark } = headers
  if (mark === undefined || seen.has(String(mark))) get()
  else waiting.set(String(mark), get)
})

/** Marks of the latest changes. */
const seen = new Set<string>()

function see(mark: string): void {
  seen.add(mark)
  if (seen.size > 1_000) for (const oldest of seen.keys()) if (seen.delete(oldest)) break
  waiting.get(mark)?.()
  waiting.delete(mark)
}

async function follow(): Promise<void> {
  const stream = orders.watch<Stored>([])
  stream.on('change', (change) => {
    if (change.operationType === 'delete') return void cached.delete(change.documentKey._id)
    if (!('fullDocument' in change) || !change.fullDocument) return
    cached.set(change.fullDocument._id, change.fullDocument)
    if (change.fullDocument.mark !== undefined) see(change.fullDocument.mark)
  })
  stream.on('error', (error) => {
    throw error
  })
  // `watch` does not report when it has started.
  await new Promise((resolve) => setTimeout(resolve, 500))
}

if (process.argv.includes('follow')) await follow()
await readAll((id, json) => cached.set(id, json))
listen(server)
