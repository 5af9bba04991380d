import type { Delivery } from '../delivery.ts'
import { closes } from '../protocol/codes.ts'
import type { Socket } from '../socket.ts'
import { UnfinishedFrame, type ByteSource } from './unfinished-frame.ts'

/** The part of `WebSocket` of npm `ws` that is used here. Data are one `Buffer`, the default of `binaryType`. */
export interface WebSocketLike {
  readonly readyState: number
  readonly bufferedAmount: number
  send(text: string): void
  pong(data: Buffer): void
  close(code: number, reason: string): void
  terminate(): void
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): unknown
  on(event: 'ping' | 'pong', listener: (data: Buffer) => void): unknown
  on(event: 'close', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** https://github.com/websockets/ws/blob/8.23.0/doc/ws.md#ready-state-constants */
const OPEN = 1

/** Connects a web-socket to the core. `below`: its TCP socket. */
export function openWebSocket(webSocket: WebSocketLike, below: ByteSource, delivery: Delivery): void {
  const socket: Socket = {
    send: (frame) => {
      if (webSocket.readyState === OPEN) webSocket.send(frame)
      // The client has sent its close frame, after which it reads nothing.
      else connection.disconnected()
    },
    get bufferedBytes() {
      return webSocket.bufferedAmount
    },
    close: (code) => webSocket.close(closes[code].code, closes[code].reason),
    cut: () => webSocket.terminate(),
  }
  const connection = delivery.accept(socket)
  const frame = new UnfinishedFrame(below, delivery.frames, () => connection.expel('slow'))
  webSocket.on('message', (data, isBinary) => {
    frame.completed(data.length)
    if (isBinary) connection.end('badRequest')
    else connection.receive(data.toString())
  })
  webSocket.on('ping', (data) => {
    frame.completed(data.length)
    connection.receiveControl()
    if (webSocket.readyState === OPEN) webSocket.pong(data)
  })
  webSocket.on('pong', (data) => {
    frame.completed(data.length)
    connection.receiveControl()
  })
  webSocket.on('close', () => {
    frame.stop()
    connection.disconnected()
  })
  // Malformed or oversize frames: `ws` has already sent a close frame with the right code.
  webSocket.on('error', () => {
    frame.stop()
    connection.abandon()
  })
}
