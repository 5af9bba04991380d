import { createServer, type Server } from 'node:http'
import { ABSENT, asDocuments, openReplica } from '@freshet/embed'

/**
 * `GET /?ids=a,b` adds up the prices of products, from memory and all at one position. Closing the server closes the
 * replica.
 */
export async function openBasket(uri: string, database: string): Promise<Server> {
  const collections = { products: 'string' } as const
  const replica = await openReplica({ uri, database, collections, encoder: asDocuments })
  const total = async (ids: readonly string[]): Promise<{ readonly total: number; readonly at: string }> => {
    const { values, at } = await replica.many('products', ids)
    const prices = values.map((value) => (value === ABSENT ? 0 : Number(value.document['price'])))
    return { total: prices.reduce((sum, price) => sum + price, 0), at }
  }
  const server = createServer((request, response) => {
    const ids = new URL(request.url ?? '/', 'http://basket').searchParams.get('ids')?.split(',') ?? []
    total(ids).then(
      (answer) => response.end(JSON.stringify(answer)),
      (error: unknown) => response.writeHead(503).end(String(error)),
    )
  })
  return server.on('close', () => void replica.close())
}
