import type { ByteLease, BytePart, Log } from '@freshet/kit'
import { problemBody, ProblemError, problems } from '@freshet/protocol'
import type { ProblemCode, ProblemKind, RefusalOptions } from '@freshet/protocol'
import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Fail, ShellProblem } from './contract.ts'

/** The client disconnected before its request was complete or answered. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

/** Bodies up to this size are sent in one write. */
const SINGLE_WRITE_BYTES = 256 * 1024

/** Larger bodies are sent in chunks of this size, because progress within a single write cannot be observed. */
const CHUNK_BYTES = 64 * 1024

/**
 * Like `response.end(text)` for Latin-1 text, with a single write. `end` appends an empty chunk after the body, so head
 * and body take the slower `writev` path. Saves 6 % for a 500-byte response.
 */
export function endWithText(response: ServerResponse, text: string): void {
  const { socket } = response
  // A pipelined response has no socket before its turn.
  if (socket === null) return void response.end(text, 'latin1')
  // Otherwise `write` would cork the socket until a later turn.
  socket.cork()
  response.write(text, 'latin1')
  socket.uncork()
  response.end()
}

/**
 * Memory budget for responses that slow clients have not read yet. A client that reads less than one chunk in four
 * seconds is disconnected when other responses need the space.
 */
export class ResponseBudget {
  readonly #part: BytePart

  constructor(part: BytePart) {
    this.#part = part
  }

  /** Whether a response of this size can be sent now. */
  hasCapacity(bytes: number): boolean {
    return this.#part.hasCapacity(bytes)
  }

  /**
   * Waits for space, which is released when the response closes. Resolves with `undefined` if the signal aborts first.
   * Do not hold the response body while waiting.
   */
  async acquire(
    response: ServerResponse,
    bytes: number,
    signal: AbortSignal,
  ): Promise<ByteLease | undefined> {
    const lease = this.#part.lease()
    if (!(await lease.acquire(bytes, signal))) return undefined
    releaseOnClose(response, lease)
    return lease
  }

  /**
   * Like `response.end(bytes)`. Requires either {@link ResponseBudget.hasCapacity} in this turn, or a `lease` that
   * covers the bytes.
   */
  end(response: ServerResponse, bytes: Buffer, lease?: ByteLease): void {
    if (lease === undefined && bytes.length <= SINGLE_WRITE_BYTES) {
      response.end(bytes)
      // The kernel usually accepts it at once.
      if (!response.writableFinished) makeRevocable(response, this.#lease(response, bytes.length))
    } else endWithBytes(response, bytes, lease ?? this.#lease(response, bytes.length))
  }

  #lease(response: ServerResponse, bytes: number): ByteLease {
    const lease = this.#part.lease()
    lease.tryAcquire(bytes)
    releaseOnClose(response, lease)
    return lease
  }
}

/**
 * Like `response.end(bytes)`, for bytes counted by `lease`. Writes in chunks so that client progress can be observed. Goes
 * by the result of `write` and by `drain`: middleware that replaces `write`, such as compression, drops its callback.
 */
export function endWithBytes(response: ServerResponse, bytes: Buffer, lease: ByteLease): void {
  makeRevocable(response, lease)
  if (bytes.length <= SINGLE_WRITE_BYTES) return void response.end(bytes)
  // A connection keeps its last response, which must not keep the body.
  let rest: Buffer | undefined = bytes
  const next = (): void => {
    // The host may have ended it. A listener that compression moved to its encoder cannot be removed.
    while (rest !== undefined && !response.destroyed && !response.writableEnded) {
      lease.touch()
      const chunk = rest.subarray(0, CHUNK_BYTES)
      rest = rest.length > CHUNK_BYTES ? rest.subarray(CHUNK_BYTES) : undefined
      if (rest === undefined) response.end(chunk)
      else {
        // A replaced `write` may return nothing: then no `drain` can be relied on.
        const written: unknown = response.write(chunk)
        if (written === false) return
      }
    }
    rest = undefined
    response.off('drain', next)
  }
  response.on('drain', next)
  next()
}

function makeRevocable(response: ServerResponse, lease: ByteLease): void {
  lease.makeRevocable(() => response.destroy())
}

function releaseOnClose(response: ServerResponse, lease: ByteLease): void {
  const release = (): void => lease[Symbol.dispose]()
  if (response.closed) release()
  else response.once('close', release)
}

/**
 * Answers with `application/problem+json`. Headers set earlier are kept unless the problem sets them; HEAD gets no
 * body. If a response has already begun, closes the connection.
 */
export function sendProblem(response: ServerResponse, code: ProblemCode, options?: RefusalOptions): void {
  if (response.headersSent) {
    if (!response.writableEnded) response.destroy()
    return
  }
  const { status, headers, body } = problemAnswer(code, options)
  // These described the intended response, not this one.
  for (const name of ['etag', 'last-modified', 'content-encoding', 'transfer-encoding', 'age'])
    response.removeHeader(name)
  response.writeHead(status, headers)
  response.end(body)
}

/**
 * Creates the function that answers failures. A `ProblemError` is sent as that problem; a disconnected client gets
 * nothing; any other error is logged and answered 500, with the log id as `instance`. Never throws.
 */
export function createFail(log: Log, newId: () => string): Fail {
  return (request, response, error) => {
    if (error instanceof ClientGone) {
      response.destroy()
      return
    }
    if (error instanceof ProblemError && problems[error.code].status !== 500) {
      sendProblem(response, error.code, { ...error.options, headers: error.headers })
      return
    }
    const instance = `urn:uuid:${newId()}`
    log.error(
      { err: error, instance, method: request.method, url: request.url?.slice(0, 200) },
      'handler failed',
    )
    sendProblem(response, 'internal', { instance })
  }
}

/** Answers on the bare socket, for when there is no request object, then closes it. */
export function answerSocket(socket: Socket, code: ProblemCode, options: RefusalOptions): void {
  const { status, headers, body } = problemAnswer(code, options)
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${body.toString()}`,
  )
  socket.destroySoon()
}

/** Bodies of problems without details, which are the same each time. */
const plainBodies = new Map<ProblemCode, Buffer>()

function problemBytes(code: ProblemCode, options: RefusalOptions): Buffer {
  return Buffer.from(JSON.stringify(problemBody(code, options)))
}

function plainBody(code: ProblemCode): Buffer {
  const known = plainBodies.get(code) ?? problemBytes(code, {})
  plainBodies.set(code, known)
  return known
}

/** The status, headers and body of a problem. */
function problemAnswer(
  code: ProblemCode,
  options: RefusalOptions = {},
): { readonly status: number; readonly headers: Record<string, string>; readonly body: Buffer } {
  const kind: ProblemKind = problems[code]
  const { headers, cause: _, ...details } = options
  const plain = Object.keys(details).length === 0
  const body = plain ? plainBody(code) : problemBytes(code, details)
  const all: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  }
  if (kind.retryAfterS !== undefined) all['retry-after'] = String(kind.retryAfterS)
  return {
    status: kind.status,
    headers: { ...all, ...headers, 'content-length': String(body.length) },
    body,
  }
}

/**
 * The problem to answer when a connection sends something other than an acceptable request; `undefined`: the connection
 * is broken. Error codes: https://nodejs.org/api/http.html#event-clienterror
 */
export function clientProblem({ code }: NodeJS.ErrnoException): ShellProblem | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers-too-large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout'
  return code?.startsWith('HPE_') ? 'bad-request' : undefined
}

/** Details of a parse error, where Node.js reports any. */
export function clientDetail({ code }: NodeJS.ErrnoException): RefusalOptions {
  if (code !== 'HPE_INVALID_METHOD') return {}
  // `fetch` uppercases `get` and `put` but not `patch`: https://fetch.spec.whatwg.org/#concept-method-normalize
  return { detail: 'Expected an HTTP method in upper case: GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.' }
}
