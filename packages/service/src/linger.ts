import type { Clock } from '@freshet/kit'
import type { Socket } from 'node:net'

/** A client that was answered and sends nothing for so long is not waited for any more, in milliseconds. */
const SILENT_MS = 2_000

/** One that goes on to send is cut off after so many milliseconds, */
const LINGER_MS = 30_000

/** or so many bytes. */
const LINGER_BYTES = 128 * 2 ** 20

/**
 * Closes a connection behind its last answer: says that nothing more comes, then reads and drops what the client still
 * sends, until it closes too. A connection that is closed with bytes unread is reset, and the reset destroys an answer
 * that the client has not read (RFC 9112, 9.6); proxies write a whole body before they read, and tell their clients 502.
 */
export function lingerBeforeClose(socket: Socket, clock: Clock): void {
  if (socket.destroyed) return
  // From here on nothing goes to the parser of Node.js, which would make requests of it.
  socket.removeAllListeners('data')
  const until = clock.now() + LINGER_MS
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > LINGER_BYTES || clock.now() > until) socket.destroy()
  })
  // Bytes went past the stream to the parser: the stream takes its first read to be under way, and would begin no other.
  socket.push('')
  socket.setTimeout(SILENT_MS)
  socket.end()
  socket.resume()
}
