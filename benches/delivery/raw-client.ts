import { connect, type Socket } from 'node:net'
import { tokenOf } from '../shared/tokens.ts'

/** Where a client connects to. */
export interface Address {
  readonly port: number
  readonly path: string
}

/** What a client tells its owner. */
export interface RawClientEvents {
  /** The reply to its connect, with as many messages that were missed. */
  connected(recovered: boolean, replayed: number): void
  /** The line of a message, between two indexes. */
  message(payload: Buffer, start: number, end: number): void
  /** After the messages of a frame. */
  frame(messages: number): void
  /** The handshake or the connect was refused, or the connection ended. */
  ended(status: string): void
}

const PONG = maskedText('{}')
const REPLY = Buffer.from('{"id":1,')
const NEWLINE = 10

/** A web-socket client as thin as can be, so that it takes little of the machine that it shares with the server. */
export class RawClient {
  readonly #user: string
  readonly #token: string
  readonly #address: Address
  readonly #events: RawClientEvents
  #socket: Socket | undefined
  #open = false
  #pending: Buffer = Buffer.alloc(0)
  /** The position of the last connect reply, to recover from. */
  #since: { readonly epoch: string; readonly offset: number } | undefined

  constructor(user: string, address: Address, events: RawClientEvents) {
    this.#user = user
    this.#token = tokenOf(user)
    this.#address = address
    this.#events = events
  }

  connect(): void {
    const { port, path } = this.#address
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    this.#open = false
    this.#pending = Buffer.alloc(0)
    const head = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (this.#socket === socket) this.#events.ended('closed')
    })
  }

  /** Cuts the connection without a word. */
  cut(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.resetAndDestroy()
  }

  #take(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    if (!this.#open && !this.#upgrade()) return
    for (;;) {
      const at = this.#pending
      if (at.length < 2) return
      const short = (at[1] ?? 0) & 0x7f
      const head = short < 126 ? 2 : short === 126 ? 4 : 10
      if (at.length < head) return
      const length = short < 126 ? short : short === 126 ? at.readUInt16BE(2) : Number(at.readBigUInt64BE(2))
      if (at.length < head + length) return
      this.#pending = at.subarray(head + length)
      if (((at[0] ?? 0) & 0x0f) === 1) this.#frame(at.subarray(head, head + length))
    }
  }

  #upgrade(): boolean {
    const end = this.#pending.indexOf('\r\n\r\n')
    if (end < 0) return false
    const status = this.#pending.toString('latin1', 9, 12)
    if (status !== '101') {
      this.cut()
      this.#events.ended(status)
      return false
    }
    this.#open = true
    this.#pending = this.#pending.subarray(end + 4)
    const subs = { [`#${this.#user}`]: { recover: true, ...this.#since } }
    const request = { token: this.#token, ...(this.#since && { subs }) }
    this.#socket?.write(maskedText(JSON.stringify({ id: 1, connect: request })))
    return true
  }

  /** Lines are replies, pings and messages. */
  #frame(payload: Buffer): void {
    let messages = 0
    for (let start = 0; start < payload.length;) {
      const newline = payload.indexOf(NEWLINE, start)
      const end = newline < 0 ? payload.length : newline
      if (end - start === 2) this.#socket?.write(PONG)
      else if (payload.compare(REPLY, 0, REPLY.length, start, start + REPLY.length) === 0)
        this.#connected(payload.toString('utf8', start, end))
      else {
        messages += 1
        this.#events.message(payload, start, end)
      }
      start = end + 1
    }
    if (messages > 0) this.#events.frame(messages)
  }

  #connected(text: string): void {
    const { connect }: { readonly connect?: { readonly subs?: Readonly<Record<string, Subscription>> } } =
      JSON.parse(text)
    if (!connect) {
      this.cut()
      return this.#events.ended(text)
    }
    const sub = connect.subs?.[`#${this.#user}`]
    this.#since = sub && { epoch: sub.epoch, offset: sub.offset }
    this.#events.connected(sub?.recovered === true, sub?.publications?.length ?? 0)
  }
}

/** The part of a connect reply that is used here. */
interface Subscription {
  readonly epoch: string
  readonly offset: number
  readonly recovered?: boolean
  readonly publications?: readonly object[]
}

/** A text frame, masked with zeros. */
function maskedText(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  const head =
    length < 126 ? Buffer.from([0x81, 0x80 | length]) : Buffer.from([0x81, 0xfe, length >> 8, length & 255])
  return Buffer.concat([head, Buffer.alloc(4), payload])
}
