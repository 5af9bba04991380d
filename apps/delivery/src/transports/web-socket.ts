import type { Delivery } from '../delivery.ts'
import type { Connection } from '../connection.ts'
import { closes, type CloseCode } from '../protocol/codes.ts'
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

/** The TCP socket below a web-socket. */
export interface SocketBelow extends ByteSource {
  write(text: string, encoding: 'latin1'): unknown
}

/** Connects a web-socket to the core. */
export function openWebSocket(webSocket: WebSocketLike, below: SocketBelow, delivery: Delivery): void {
  const socket = new FramedSocket(webSocket, below)
  const connection = delivery.accept(socket)
  socket.connection = connection
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

class FramedSocket implements Socket {
  readonly #webSocket: WebSocketLike
  readonly #below: SocketBelow
  connection: Connection | undefined

  constructor(webSocket: WebSocketLike, below: SocketBelow) {
    this.#webSocket = webSocket
    this.#below = below
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  /**
   * ASCII, as most frames are, is written with its head as one string: `ws` writes them apart, which costs more. Nothing is
   * compressed, so `ws` has never written a part of a frame only.
   */
  send(frame: string, bytes: number): void {
    // The client has sent its close frame, after which it reads nothing.
    if (this.#webSocket.readyState !== OPEN) this.connection?.disconnected()
    else if (frame.length === bytes) this.#below.write(headOf(bytes) + frame, 'latin1')
    else this.#webSocket.send(frame)
  }

  close(code: CloseCode): void {
    this.#webSocket.close(closes[code].code, closes[code].reason)
  }

  cut(): void {
    this.#webSocket.terminate()
  }
}

/** The head of a text frame, a character for each byte. https://www.rfc-editor.org/rfc/rfc6455#section-5.2 */
function headOf(bytes: number): string {
  if (bytes < 126) return String.fromCharCode(0x81, bytes)
  if (bytes < 2 ** 16) return String.fromCharCode(0x81, 126, bytes >> 8, bytes & 255)
  const length = [bytes >>> 24, (bytes >> 16) & 255, (bytes >> 8) & 255, bytes & 255]
  return String.fromCharCode(0x81, 127, 0, 0, 0, 0, ...length)
}
