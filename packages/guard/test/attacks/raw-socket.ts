import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Binary, BSON } from 'mongodb'
import type { Document } from 'mongodb'

const HASH = 'sha256'
/** Header, flags, and the type of the only section. */
const BODY_AT = 21
const OP_MSG = 2013

/** The wire protocol by hand, over a socket unknown to the driver. */
export class RawSocket implements Disposable {
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Connects to the server in the address, and logs in as its user. */
  static async open(uri: string): Promise<RawSocket> {
    const { hostname, port, username, password } = new URL(uri)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    const raw = new RawSocket(socket)
    await raw.#logIn(username, password)
    return raw
  }

  /** @throws the server's reply, in the form in which the driver would have thrown it */
  async send(body: Document): Promise<Document> {
    this.#socket.write(messageOf(body))
    let bytes: Buffer = Buffer.alloc(0)
    do {
      const [more] = await once(this.#socket, 'data')
      bytes = Buffer.concat([bytes, more])
    } while (bytes.length < 4 || bytes.length < bytes.readInt32LE(0))
    const reply = BSON.deserialize(bytes.subarray(BODY_AT))
    if (reply['ok'] !== 1) throw serverError(reply['code'])
    return reply
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  /** SCRAM-SHA-256: https://www.rfc-editor.org/rfc/rfc5802#section-3 */
  async #logIn(user: string, password: string): Promise<void> {
    const first = `n=${user},r=${randomBytes(18).toString('base64')}`
    const start = { saslStart: 1, mechanism: 'SCRAM-SHA-256', options: { skipEmptyExchange: true } }
    const challenge = await this.send({ ...start, payload: binary(`n,,${first}`), $db: 'admin' })
    const second = text(challenge['payload'])
    const {
      r = '',
      s = '',
      i = '',
    } = Object.fromEntries(second.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
    const salted = pbkdf2Sync(password, Buffer.from(s, 'base64'), Number(i), 32, HASH)
    const key = hmac(salted, 'Client Key')
    const last = `c=biws,r=${r}`
    const signature = hmac(createHash(HASH).update(key).digest(), `${first},${second},${last}`)
    const proof = Buffer.from(key.map((byte, at) => byte ^ (signature[at] ?? 0))).toString('base64')
    const { done } = await this.send({
      saslContinue: 1,
      conversationId: challenge['conversationId'],
      payload: binary(`${last},p=${proof}`),
      $db: 'admin',
    })
    if (done !== true) throw new Error('expected to be logged in')
  }
}

/** The server's reply, in the form in which the driver would have thrown it. */
export function serverError(code: unknown): Error {
  return Object.assign(new Error(`the server answered ${String(code)}`), { code })
}

function messageOf(body: Document): Buffer {
  const bytes = BSON.serialize(body)
  const head = Buffer.alloc(BODY_AT)
  head.writeInt32LE(head.length + bytes.length, 0)
  head.writeInt32LE(OP_MSG, 12)
  return Buffer.concat([head, bytes])
}

function hmac(key: Buffer, of: string): Buffer {
  return createHmac(HASH, key).update(of).digest()
}

function binary(value: string): Binary {
  return new Binary(Buffer.from(value))
}

function text(value: unknown): string {
  if (!(value instanceof Binary)) throw new Error('expected bytes')
  return Buffer.from(value.value()).toString()
}
