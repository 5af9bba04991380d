import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Everything about a frame that a client of an attacker may choose. */
export interface FrameShape {
  readonly fin?: boolean
  readonly masked?: boolean
  readonly reserved?: number
  /** The length that the head claims, in place of the true one. */
  readonly claimedBytes?: number
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** One web-socket frame: https://www.rfc-editor.org/rfc/rfc6455#section-5.2. The mask is zeros. */
export function frameOf(opcode: number, payload: string | Buffer = '', shape: FrameShape = {}): Buffer {
  const { fin = true, masked = true, reserved = 0 } = shape
  const body = Buffer.from(payload)
  const { claimedBytes = body.length } = shape
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  const mask = masked ? 0x80 : 0
  const head = Buffer.alloc(claimedBytes < 126 ? 2 : claimedBytes < 65_536 ? 4 : 10)
  head[0] = first
  if (head.length === 2) head[1] = mask | claimedBytes
  else if (head.length === 4) {
    head[1] = mask | 126
    head.writeUInt16BE(claimedBytes, 2)
  } else {
    head[1] = mask | 127
    head.writeBigUInt64BE(BigInt(claimedBytes), 2)
  }
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), body])
}

const good: Readonly<Record<string, string>> = {
  Host: 'x',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version': '13',
}

/** A handshake with these headers changed; an empty one is left out. */
export function handshakeOf(changed: Readonly<Record<string, string>> = {}, line = ''): string {
  const lines = Object.entries({ ...good, ...changed }).flatMap(([name, value]) =>
    value === '' ? [] : [`${name}: ${value}`],
  )
  return `${[line === '' ? 'GET /connection/websocket HTTP/1.1' : line, ...lines].join('\r\n')}\r\n\r\n`
}

/** A TCP connection that answers nothing by itself: no pong, no close frame, no FIN. */
export class RawSocket implements Disposable {
  readonly socket: Socket
  #received = Buffer.alloc(0)

  constructor(url: string) {
    const { port } = new URL(url)
    this.socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
    this.socket.on('error', () => undefined)
    this.socket.on('data', (chunk) => (this.#received = Buffer.concat([this.#received, chunk])))
  }

  /** A web-socket after its handshake. */
  static async open(url: string): Promise<RawSocket> {
    const raw = new RawSocket(url)
    raw.write(handshakeOf())
    while (!raw.text.includes('\r\n\r\n')) await once(raw.socket, 'data')
    return raw
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes)
  }

  /** Everything received, as Latin-1. */
  get text(): string {
    return this.#received.toString('latin1')
  }

  /** The status of the first HTTP response. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.text)?.[1])
  }

  /** The code and reason of the server's close frame. */
  get closed(): readonly [number, string] | undefined {
    for (const { opcode, payload } of this.#frames())
      if (opcode === opcodes.close)
        return [payload.length < 2 ? 1_005 : payload.readUInt16BE(0), payload.toString('utf8', 2)]
    return undefined
  }

  /** The texts of the frames received. */
  get texts(): readonly string[] {
    return [...this.#frames()].flatMap(({ opcode, payload }) =>
      opcode === opcodes.text ? [payload.toString()] : [],
    )
  }

  *#frames() {
    const all = this.#received
    let at = all.indexOf('\r\n\r\n') + 4
    while (at >= 4 && at + 2 <= all.length) {
      const [first = 0, second = 0] = [all[at], all[at + 1]]
      const short = second & 127
      const head = short < 126 ? 2 : short === 126 ? 4 : 10
      if (at + head > all.length) return
      const bytes =
        short < 126 ? short : short === 126 ? all.readUInt16BE(at + 2) : Number(all.readBigUInt64BE(at + 2))
      const from = at + head
      if (from + bytes > all.length) return
      yield { opcode: first & 15, payload: all.subarray(from, from + bytes) }
      at = from + bytes
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}
