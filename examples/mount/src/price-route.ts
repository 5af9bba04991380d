import { parameterOf, type Route } from '@freshet/service'

/** A custom route: one file, and one row in the `routes` of `writerRouter` or `readerHandler`. */
export const priceRoute: Route = {
  methods: ['GET', 'PUT'],
  path: '/{collection}/{id}/price',
  who: 'role:shop',
  query: ['currency'],
  answer: (call) => {
    const [collection, id] = [parameterOf(call, 'collection'), parameterOf(call, 'id')]
    const links = { document: `${call.base}/${collection}/${id}` }
    const currency = call.query.get('currency') ?? 'EUR'
    call.response.writeHead(200, { 'content-type': 'application/json' })
    call.response.end(JSON.stringify({ currency, links, sub: call.claims?.sub }))
  },
}
