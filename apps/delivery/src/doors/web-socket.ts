import type { Connection } from '../connection.ts'
import { closes } from '../protocol/codes.ts'
import type { Socket } from '../socket.ts'
import type { TimerWheel } from '../timer-wheel.ts'

/** What is used of the `WebSocket` of npm `ws`. */
export interface WebSocketLike {
  readonly bufferedAmount: number
  send(text: string): void
  close(code: number, reason: string): void
  terminate(): void
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown
  on(event: 'close', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** How long a client may take to answer a close frame; one that reads nothing never does. */
const CLOSE_WITHIN_MS = 5_000

/** Lets a client speak the protocol over a web-socket; `accept` is that of `Delivery`. */
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
  webSocket.on('close', () => connection.gone())
  // A frame that is no web-socket frame, or larger than it may be: `ws` closes the connection with the right code.
  webSocket.on('error', () => undefined)
}
