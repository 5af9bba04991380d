/** A fake service: opens its port, logs that as services do, and behaves as its first argument says. */
import { createServer } from 'node:http'

const [behaviour] = process.argv.slice(2)
if (behaviour === 'broken') {
  process.stderr.write('no such option\n')
  process.exit(78)
}
let asked = 0
const server = createServer((_request, response) => {
  asked += 1
  response.writeHead(asked < 3 ? 503 : 200).end('{"ok":true}')
})
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`
  process.stdout.write('not JSON\n')
  process.stdout.write(`${JSON.stringify({ level: 30, msg: 'quiet' })}\n`)
  process.stdout.write(`${JSON.stringify({ level: 40, msg: 'loud', err: { message: 'why' } })}\n`)
  process.stdout.write(
    `${JSON.stringify({ level: 40, msg: 'cut', code: 'LOST', err: { message: 'why' } })}\n`,
  )
  process.stdout.write(
    `${JSON.stringify({ level: 40, msg: 'cut', code: 'LOST', err: { message: 'LOST: why' } })}\n`,
  )
  process.stdout.write(
    `${JSON.stringify({ level: 50, msg: 'refused', collection: 'orders', reason: 'a view' })}\n`,
  )
  process.stdout.write(`${JSON.stringify({ level: 30, msg: 'listening', url, managementUrl: url })}\n`)
})
if (behaviour !== 'stubborn') process.on('SIGTERM', () => process.exit(0))
