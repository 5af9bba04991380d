import { readerHandler, type Reader } from '@freshet/reader'
import { fastify, type FastifyInstance } from 'fastify'

/** A fastify app that answers reads below `/data`. */
export function readerInFastify(reader: Reader): FastifyInstance {
  const app = fastify()
  const data = readerHandler(reader, { prefix: '/data' })
  const scope = async (below: FastifyInstance): Promise<void> => {
    // Before fastify looks for a route or reads a body, whatever the method: from here on the answer is the reader's.
    below.addHook('onRequest', async (request, reply) => {
      reply.hijack()
      await data(request.raw, reply.raw)
    })
    below.setNotFoundHandler(() => undefined)
  }
  void app.register(scope, { prefix: '/data' })
  app.get('/', async () => 'my app')
  return app
}
