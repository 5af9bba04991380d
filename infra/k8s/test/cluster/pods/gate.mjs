/** Stands in for an ingress: one address in front of writer, readers and deliveries, by path and method. It repeats nothing. */
import { Agent, createServer, request } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 8 })
const streams = new Agent({ keepAlive: false })

const serviceOf = ({ url, method }) => {
  if (url.startsWith('/connection')) return 'DELIVERY'
  return method === 'GET' || method === 'HEAD' ? 'READER' : 'WRITER'
}

createServer((incoming, answer) => {
  const service = serviceOf(incoming)
  const { connection: _connection, ...passed } = incoming.headers
  const upstream = request({
    host: new URL(process.env[service]).hostname,
    method: incoming.method,
    path: incoming.url,
    headers: passed,
    agent: service === 'DELIVERY' ? streams : agent,
  })
  // Before its client gives up, so that the answer can name the port.
  if (service !== 'DELIVERY')
    upstream.setTimeout(50_000, () => upstream.destroy(new Error('no answer in time')))
  let port
  upstream.on('socket', (socket) => setImmediate(() => (port = socket.localPort)))
  upstream.on('response', (response) => {
    const { connection: _hop, 'keep-alive': _kept, ...headers } = response.headers
    answer.writeHead(response.statusCode, headers)
    answer.flushHeaders()
    response.pipe(answer)
    response.on('error', () => answer.destroy())
  })
  upstream.on('error', (error) => {
    if (answer.headersSent) return answer.destroy()
    answer
      .writeHead(502, { 'content-type': 'text/plain' })
      .end(`gate: ${error.code ?? error.message} from gate:${port}`)
  })
  answer.on('close', () => upstream.destroy())
  incoming.pipe(upstream)
}).listen(8080, '0.0.0.0', () => console.log('listening'))
