import { ProblemError } from '@freshet/protocol'
import type { IncomingMessage } from 'node:http'
import type { BodyShare } from './body-share.ts'
import { ClientGone } from './client-gone.ts'
import { releaseContinue } from './expectation.ts'

/**
 * The whole body of a request; call it once, and read what it gives in the turn in which it settles: there is room for
 * that then. A body that says that it is too large is refused before it is read, one that lies as soon as it is. What
 * counts is what has come, so a head alone takes nothing from others; a body that does not come on makes way for them.
 * The rest is read and dropped within the time that a request has, because a client that is cut off while it sends often
 * never sees the answer.
 * @throws {ProblemError} `payload-too-large`; `overloaded`; `unsupported-media-type`: it has a content encoding.
 * @throws {ClientGone} let it through to the HTTP shell. @throws {TypeError} somebody has read it, as a body parser does.
 */
export async function receiveBody(
  request: IncomingMessage,
  maxBytes: number,
  share: BodyShare,
): Promise<Buffer> {
  const encoding = request.headers['content-encoding']
  // RFC 9110, 8.4.1: case does not count; 12.5.3: the refusal names what is taken.
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new ProblemError('unsupported-media-type', {
      detail: 'Expected a body without Content-Encoding.',
      headers: { 'accept-encoding': 'identity' },
    })
  if (!request.destroyed && (request.readableDidRead || request.readableEnded))
    throw new TypeError(
      'the body was read before: mount this before what reads bodies, as express.json() does',
    )
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > maxBytes) throw tooLarge(maxBytes)
  releaseContinue(request)
  const body = await gather(request, new Gathering(declared, maxBytes, share), share)
  await share.whole(body.length)
  return body
}

/**
 * What has come of a body. One piece is kept as it is, more are copied together at once: each costs some hundred bytes
 * beside its content, and a client may send pieces of one byte.
 */
class Gathering {
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

  /** @throws {ProblemError} payload-too-large; overloaded */
  take(chunk: Buffer): void {
    const from = this.#size
    const size = from + chunk.length
    if (size > this.#maxBytes) throw tooLarge(this.#maxBytes)
    if (from === 0) {
      this.#share.growTo(size)
      this.#bytes = chunk
    } else {
      this.#makeRoom(size)
      chunk.copy(this.#bytes, from)
    }
    this.#size = size
    this.#share.came(size)
  }

  whole(): Buffer {
    return this.#bytes.subarray(0, this.#size)
  }

  #makeRoom(size: number): void {
    if (size <= this.#bytes.length) return
    // Twice what is needed, so that many small pieces are not copied again and again. What is declared is no more than
    // a limit: to make room for all of it would cost a client that sends two bytes nothing.
    const room = Math.min(2 * size, this.#declared || this.#maxBytes)
    this.#share.growTo(room)
    const bytes = Buffer.allocUnsafeSlow(room)
    this.#bytes.copy(bytes, 0, 0, this.#size)
    this.#bytes = bytes
  }
}

function gather(request: IncomingMessage, gathering: Gathering, share: BodyShare): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      request.off('data', take).off('end', end).off('error', gone).off('close', gone)
    }
    const refuse = (error: unknown): void => {
      finish()
      request.resume()
      reject(error)
    }
    const take = (chunk: Buffer): void => {
      try {
        gathering.take(chunk)
      } catch (error) {
        refuse(error)
      }
    }
    const end = (): void => {
      finish()
      resolve(gathering.whole())
    }
    const gone = (): void => {
      finish()
      // Errors of a broken connection may follow; nobody is left to hear them.
      request.on('error', () => undefined)
      reject(new ClientGone('The client went away before its request was complete.'))
    }
    if (request.destroyed && !request.readableEnded) return gone()
    share.receiving(() =>
      refuse(
        new ProblemError('overloaded', { detail: 'The body came too slowly while others wanted its room.' }),
      ),
    )
    request.on('data', take).on('end', end).on('error', gone).on('close', gone)
  })
}

function tooLarge(maxBytes: number): ProblemError {
  return new ProblemError('payload-too-large', { detail: `The body may have at most ${maxBytes} bytes.` })
}
