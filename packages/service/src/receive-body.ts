import { ProblemError } from '@freshet/protocol'
import type { IncomingMessage } from 'node:http'
import { releaseContinue } from './expectation.ts'

/** The client went away before its request was complete: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

/**
 * The whole body of a request; call it once. A body that says that it is too large is refused before it is read, one
 * that lies as soon as it is. The rest is read and dropped within the time that a request has, because a client that
 * is cut off while it sends often never sees the answer.
 * @throws {ProblemError} `payload-too-large`; `unsupported-media-type`: it has a content encoding.
 * @throws {ClientGone} let it through to the HTTP shell.
 */
export async function receiveBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity')
    throw new ProblemError('unsupported-media-type', { detail: 'Wanted a body without Content-Encoding.' })
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  releaseContinue(request)
  return await gather(request, maxBytes)
}

function gather(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const finish = (): void => {
      request.off('data', take).off('end', end).off('error', gone).off('close', gone)
    }
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size <= maxBytes) return void chunks.push(chunk)
      finish()
      request.resume()
      reject(tooLarge(maxBytes))
    }
    const end = (): void => {
      finish()
      const [only] = chunks
      resolve(only && chunks.length === 1 ? only : Buffer.concat(chunks, size))
    }
    const gone = (): void => {
      finish()
      // Errors of a broken connection may follow; nobody is left to hear them.
      request.on('error', () => undefined)
      reject(new ClientGone('The client went away before its request was complete.'))
    }
    if (request.destroyed && !request.readableEnded) return gone()
    request.on('data', take).on('end', end).on('error', gone).on('close', gone)
  })
}

function tooLarge(maxBytes: number): ProblemError {
  return new ProblemError('payload-too-large', { detail: `The body may have at most ${maxBytes} bytes.` })
}
