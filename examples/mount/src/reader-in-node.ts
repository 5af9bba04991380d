import { readerHandler, type Reader } from '@freshet/reader'
import { createServer, type Server } from 'node:http'

/** A bare server that answers reads below `/data`, at the speed of the reader itself. */
export function readerInNode(reader: Reader): Server {
  const data = readerHandler(reader, { prefix: '/data' })
  return createServer((request, response) => {
    if (request.url?.startsWith('/data/')) void data(request, response)
    else response.end('my app')
  })
}
