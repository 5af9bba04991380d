/**
 * The minimum that node:http can do: prebuilt responses, sent in turn whatever is requested. There are as many as the
 * reader has documents, because bodies in the CPU cache are sent faster.
 */
import { createServer } from 'node:http'
import { documents, jsonOf, type Answer } from './world.ts'

const [kind = 'text'] = process.argv.slice(2)

function listen({ head, bodyBytes }: Answer): void {
  const list = [...head]
  const buffers = Array.from({ length: documents }, (_, index) => Buffer.from(jsonOf(index, bodyBytes)))
  const texts = buffers.map((buffer) => buffer.toString('latin1'))
  let turn = 0
  const server = createServer(
    { keepAliveTimeout: 75_000, noDelay: true },
    kind === 'text'
      ? (_request, response) => {
          response.writeHead(200, list)
          response.end(texts[turn++ % documents], 'latin1')
        }
      : (_request, response) => {
          response.writeHead(200, list)
          response.end(buffers[turn++ % documents])
        },
  )
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.send?.({ port: typeof address === 'object' ? address?.port : 0 })
  })
}

process.on('message', (question: { readonly answer?: Answer }) => {
  if (question.answer) listen(question.answer)
  else process.send?.(process.cpuUsage())
})
