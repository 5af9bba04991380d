import type { ServerResponse } from 'node:http'

/**
 * As `response.end(text)` for a text of one-byte characters, but with one write: `end` adds an empty chunk behind the body,
 * so that head and body leave by the slower way for several chunks. Saves 6 % of an answer of 500 bytes.
 */
export function endWithText(response: ServerResponse, text: string): void {
  const { socket } = response
  // The answer to a pipelined request has no socket before its turn.
  if (socket === null) return void response.end(text, 'latin1')
  // Otherwise `write` would cork the socket itself, until a later turn.
  socket.cork()
  response.write(text, 'latin1')
  socket.uncork()
  response.end()
}
