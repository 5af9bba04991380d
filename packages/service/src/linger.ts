import type { Clock } from '@freshet/kit'
import type { Socket } from 'node:net'

/** How long a client that was answered may be silent, in milliseconds. */
const SILENT_MS = 2_000

/** How long input is discarded, in milliseconds. */
const LINGER_MS = 30_000

/** How many bytes are discarded. */
const LINGER_BYTES = 128 * 2 ** 20

/**
 * Closes a connection after its last response: sends FIN, then discards input until the client closes too. Closing a
 * socket with unread input sends a reset, which can destroy a response that the client has not read (RFC 9112, 9.6).
 * Proxies write a whole body before they read, and would report 502.
 */
export function lingerBeforeClose(socket: Socket, clock: Clock): void {
  if (socket.destroyed) return
  // Detaches the parser of Node.js, which would emit further requests.
  socket.removeAllListeners('data')
  const until = clock.now() + LINGER_MS
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > LINGER_BYTES || clock.now() > until) socket.destroy()
  })
  // The parser bypassed the stream, which believes that a read is pending and would not start another.
  socket.push('')
  socket.setTimeout(SILENT_MS)
  socket.end()
  socket.resume()
}
