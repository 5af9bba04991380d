import type { Connection } from '../connection.ts'
import { closes } from '../protocol/codes.ts'
import type { Socket } from '../socket.ts'
import type { TimerWheel } from '../timer-wheel.ts'

/** The part of `WebSocket` of npm `ws` that is used here. */
export interface WebSocketLike {
  readonly bufferedAmount: number
  send(text: string): void
  close(code: number, reason: string): void
  terminate(): void
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown
  on(event: 'close', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** Deadline of the close handshake; a client that does not read never completes it. */
const CLOSE_WITHIN_MS = 5_000

/** Connects a web-socket to the core; `accept` is `Delivery.accept`. */
export function openWebSocket(
  webSocket: WebSocketLike,
  accept: (socket: Socket) => Connection,
  wheel: TimerWheel,
): void {
  const socket: Socket = {
    send: (frame) => webSocket.send(frame),
    get bufferedBytes() {
      return webSocket.bufferedAmount
    },
    close: (code) => {
      webSocket.close(closes[code].code, closes[code].reason)
      const timer = wheel.set(CLOSE_WITHIN_MS, () => webSocket.terminate())
      webSocket.on('close', () => wheel.cancel(timer))
    },
  }
  const connection = accept(socket)
  webSocket.on('message', (data, isBinary) => {
    if (isBinary) connection.end('badRequest')
    else connection.receive(String(data))
  })
  webSocket.on('close', () => connection.disconnected())
  // Malformed or oversize frames: `ws` closes the connection with the right code.
  webSocket.on('error', () => undefined)
}
