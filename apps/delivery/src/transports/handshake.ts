import { ProblemError } from '@freshet/protocol'
import type { UpgradeCall } from '@freshet/service'
import { WebSocketServer } from 'ws'
import { FRAME_LIMITS } from '../protocol/read-frame.ts'
import type { WebSocketLike } from './web-socket.ts'

/** Answers a handshake, and passes the web-socket on. @throws {ProblemError} it is refused. */
export type Handshake = (call: UpgradeCall, onOpen: (webSocket: WebSocketLike) => void) => void

const VERSION = '13'

/** What clients of Centrifugo ask for. */
const JSON_PROTOCOL = 'centrifuge-json'
const BINARY_PROTOCOL = 'centrifuge-protobuf'

/** A frame that is limited in bytes may still come in many fragments or packets, each of which costs memory. */
const MAX_FRAGMENTS = 64
const MAX_BUFFERED_CHUNKS = 1_024

/** Deadline of the close handshake, whoever began it. A client that does not read never completes it. */
const CLOSE_WITHIN_MS = 5_000

/** Not a literal in the call, because `@types/ws` 8.18 does not know `closeTimeout`. */
const options = {
  noServer: true,
  clientTracking: false,
  // Compression would cost hundreds of kilobytes for each client.
  perMessageDeflate: false,
  maxPayload: FRAME_LIMITS.bytes,
  maxFragments: MAX_FRAGMENTS,
  maxBufferedChunks: MAX_BUFFERED_CHUNKS,
  // `openWebSocket` answers pings, at a limited rate.
  autoPong: false,
  closeTimeout: CLOSE_WITHIN_MS,
  handleProtocols: (offered: ReadonlySet<string>) => (offered.has(JSON_PROTOCOL) ? JSON_PROTOCOL : false),
} as const

/** The handshakes of npm `ws`, with the limits of the protocol. */
export function handshake(): Handshake {
  const server = new WebSocketServer(options)
  server.on('wsClientError', ({ message }) => {
    throw new ProblemError('bad-request', { detail: `${message}.` })
  })
  return ({ request, socket, behind }, onOpen) => {
    expectVersion(request.headers['sec-websocket-version'])
    expectJson(request.headers['sec-websocket-protocol'])
    server.handleUpgrade(request, socket, behind, onOpen)
  }
}

/** RFC 6455, 4.4. `ws` would also take version 8, which names the origin in another header. */
function expectVersion(version: string | undefined): void {
  if (version === VERSION) return
  throw new ProblemError('upgrade-required', {
    detail: `Expected Sec-WebSocket-Version: ${VERSION}.`,
    headers: { 'sec-websocket-version': VERSION },
  })
}

/** A client that gets no protocol although it asked for binary frames would send them. */
function expectJson(header = ''): void {
  const offered = header.split(',').map((name) => name.trim())
  if (!offered.includes(BINARY_PROTOCOL) || offered.includes(JSON_PROTOCOL)) return
  throw new ProblemError('bad-request', {
    detail: `Expected a client that uses JSON; ${BINARY_PROTOCOL} is not supported.`,
  })
}
