import { ProblemError } from '@freshet/protocol'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ClientGone } from './answers.ts'
import type { BodyShare } from './body-budget.ts'

/**
 * Receives the whole body; call it once, and parse the result in the turn in which it resolves, while the memory for
 * that is reserved. A body with too large a Content-Length is refused before it is read, any other as soon as it
 * exceeds the limit. Only received bytes count toward the budget, and a stalled body yields to others.
 * After a refusal the rest is read and discarded within the time limit of the request: clients that are cut off while
 * sending often never see the response.
 * @throws {ProblemError} `payload-too-large`; `overloaded`; `unsupported-media-type`: it has a content encoding.
 * A paused request is resumed.
 * @throws {ClientGone} do not catch it. @throws {TypeError} the body was already read, for example by a body parser, or
 *   decoded by `setEncoding`.
 */
export async function receiveBody(
  request: IncomingMessage,
  maxBytes: number,
  share: BodyShare,
): Promise<Buffer> {
  const encoding = request.headers['content-encoding']
  // RFC 9110, 8.4.1: case-insensitive; 12.5.3: the response names the accepted encoding.
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new ProblemError('unsupported-media-type', {
      detail: 'Expected a body without Content-Encoding.',
      headers: { 'accept-encoding': 'identity' },
    })
  expectUnread(request)
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > maxBytes) throw tooLarge(maxBytes)
  sendContinue(request)
  const buffer = new BodyBuffer(declared, maxBytes, share)
  await readAll(request, buffer, share)
  const body = buffer.toBuffer()
  await share.complete(body.length)
  return body
}

/**
 * The body received so far. A single chunk is kept as it is; further chunks are copied into one buffer. Each Buffer has
 * about a hundred bytes of overhead, and a client may send one byte at a time.
 */
class BodyBuffer {
  readonly #declared: number
  readonly #maxBytes: number
  readonly #share: BodyShare
  #bytes: Buffer = Buffer.alloc(0)
  #size = 0

  constructor(declared: number, maxBytes: number, share: BodyShare) {
    this.#declared = declared
    this.#maxBytes = maxBytes
    this.#share = share
  }

  /** @throws {ProblemError} payload-too-large; overloaded. @throws {TypeError} it is not a Buffer. */
  append(chunk: unknown): void {
    if (!Buffer.isBuffer(chunk)) throw decoded()
    const from = this.#size
    const size = from + chunk.length
    if (size > this.#maxBytes) throw tooLarge(this.#maxBytes)
    if (from === 0) {
      this.#share.reserve(size)
      this.#bytes = chunk
    } else {
      this.#grow(size)
      chunk.copy(this.#bytes, from)
    }
    this.#size = size
    this.#share.received(size)
  }

  toBuffer(): Buffer {
    return this.#bytes.subarray(0, this.#size)
  }

  #grow(size: number): void {
    if (size <= this.#bytes.length) return
    // Doubles the capacity, so that many small chunks are not copied repeatedly. Content-Length is only an upper limit:
    // allocating all of it would let a client reserve memory by sending two bytes.
    const capacity = Math.min(2 * size, this.#declared || this.#maxBytes)
    this.#share.reserve(capacity)
    const bytes = Buffer.allocUnsafeSlow(capacity)
    this.#bytes.copy(bytes, 0, 0, this.#size)
    this.#bytes = bytes
  }
}

function readAll(request: IncomingMessage, buffer: BodyBuffer, share: BodyShare): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      request.off('data', take).off('end', end).off('error', gone).off('close', gone).off('pause', flow)
    }
    const refuse = (error: unknown): void => {
      finish()
      request.resume()
      reject(error)
    }
    const take = (chunk: unknown): void => {
      try {
        buffer.append(chunk)
      } catch (error) {
        refuse(error)
      }
    }
    const end = (): void => {
      finish()
      resolve()
    }
    const gone = (): void => {
      finish()
      // A broken connection may emit further errors.
      request.on('error', () => undefined)
      reject(new ClientGone('The client disconnected before its request was complete.'))
    }
    const flow = (): void => void request.resume()
    if (request.destroyed) return gone()
    share.receiving(() =>
      refuse(
        new ProblemError('overloaded', {
          detail: 'The body arrived too slowly while other requests needed its memory.',
        }),
      ),
    )
    request.on('data', take).on('end', end).on('error', gone).on('close', gone)
    // A host may have paused it, or may pipe it to a stream that stalls. At most `maxBytes` are buffered either way.
    request.on('pause', flow)
    flow()
  })
}

/** Requests whose client waits for "100 Continue". */
const waiting = new WeakMap<
  IncomingMessage,
  { readonly response: ServerResponse; readonly keepAlive: boolean }
>()

/**
 * Delays "100 Continue" until the body is needed, so that a refusal costs the client no upload. After a refusal the
 * connection closes, because the next bytes could be the body or the next request.
 */
export function deferContinue(request: IncomingMessage, response: ServerResponse): void {
  waiting.set(request, { response, keepAlive: response.shouldKeepAlive })
  response.shouldKeepAlive = false
}

function sendContinue(request: IncomingMessage): void {
  const waits = waiting.get(request)
  if (!waits) return
  waiting.delete(request)
  waits.response.shouldKeepAlive = waits.keepAlive
  waits.response.writeContinue()
}

/** @throws {TypeError} the events of its body are over, go to someone else, or carry text. */
function expectUnread(request: IncomingMessage): void {
  // A request that was read whole is destroyed as well: nothing more is emitted, whether or not the client is there.
  const aborted = request.destroyed && !request.readableEnded
  if (!aborted && (request.readableDidRead || request.readableEnded || request.listenerCount('readable') > 0))
    throw new TypeError('the body was already read: mount this before body parsers such as express.json()')
  if (request.readableEncoding !== null) throw decoded()
}

function decoded(): TypeError {
  return new TypeError('the body was decoded before: do not call setEncoding() on the request')
}

function tooLarge(maxBytes: number): ProblemError {
  return new ProblemError('payload-too-large', { detail: `The body may have at most ${maxBytes} bytes.` })
}
