import { readerHandler, type Reader } from '@freshet/reader'
import { fastify, type FastifyInstance } from 'fastify'

/** A fastify app that answers reads below `/data`. */
export function readerInFastify(reader: Reader): FastifyInstance {
  const app = fastify()
  const data = readerHandler(reader, { prefix: '/data' })
  app.route({
    method: ['GET', 'HEAD', 'OPTIONS'],
    url: '/data/*',
    exposeHeadRoute: false,
    handler: (request, reply) => {
      // From here on the answer is the reader's.
      reply.hijack()
      void data(request.raw, reply.raw)
    },
  })
  app.get('/', async () => 'my app')
  return app
}
