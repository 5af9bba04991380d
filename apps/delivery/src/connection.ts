import { TokenBucket } from '@freshet/kit'
import { answerTo } from './answers.ts'
import type { ConnectionTools } from './connection-tools.ts'
import { Heartbeat } from './heartbeat.ts'
import type { CloseCode } from './protocol/codes.ts'
import type { Command, ConnectRequest, StreamPosition } from './protocol/command.ts'
import { ProtocolFault } from './protocol/fault.ts'
import { readFrame } from './protocol/read-frame.ts'
import { channelOf, errorReply, PING, pushHead, PUSH_TAIL, refreshReply } from './protocol/write.ts'
import type { Publication } from './publication.ts'
import { SendQueue } from './send-queue.ts'
import type { Outlet, Session } from './session.ts'
import type { Opened, Refusal } from './session-opener.ts'
import type { Socket } from './socket.ts'
import type { WheelTimer } from './timer-wheel.ts'
import { actionFor, type ConnectionState } from './transitions.ts'
import { welcome } from './welcome.ts'

/** Commands that may queue behind a pending connect. */
const MAX_QUEUED = 128

/** One client of the frame protocol, from its first frame to its close. */
export class Connection implements Outlet {
  readonly #tools: ConnectionTools
  readonly #socket: Socket
  readonly #queue: SendQueue
  readonly #rate: TokenBucket
  readonly #client: string
  #state: ConnectionState = 'waiting'
  #waiting: Command[] | undefined
  #stale: WheelTimer | undefined
  #session: Session | undefined
  #heartbeat: Heartbeat | undefined
  #pushHead = ''
  #pushBytes = 0

  constructor(tools: ConnectionTools, socket: Socket) {
    const { wheel, clock, limits, newId } = tools
    this.#tools = tools
    this.#socket = socket
    this.#client = newId()
    this.#rate = new TokenBucket(tools.commandRate, clock)
    this.#queue = new SendQueue(tools, socket, this)
    this.#stale = wheel.set(limits.connectWithinMs, () => this.end('stale'))
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** A text frame was received. */
  receive(frame: string): void {
    if (this.#state === 'closed') return
    try {
      const commands = readFrame(frame)
      if (!this.#rate.take(commands.length)) return this.end('tooManyRequests')
      this.#heartbeat?.received()
      for (const command of commands) this.#take(command)
    } catch (error) {
      if (error instanceof ProtocolFault) this.end('badRequest')
      else this.#fail(error)
    }
  }

  /** A ping or pong of the transport was received. Each costs as much as a command. */
  receiveControl(): void {
    if (this.#state !== 'closed' && !this.#rate.take()) this.end('tooManyRequests')
  }

  publication({ json, bytes }: Publication): void {
    this.#queue.push(`${this.#pushHead}${json}${PUSH_TAIL}`, this.#pushBytes + bytes)
  }

  ping(): void {
    this.#send(PING)
  }

  /** Sends what is queued, unless the client is too slow, and closes the connection. Idempotent. */
  end(code: CloseCode): void {
    if (this.#state === 'closed') return
    if (code !== 'slow') this.#queue.flush()
    // The flush may have closed it as slow.
    this.#leave(code)
  }

  /** The transport has refused what the client sent, and closes the connection with a code of its own. Idempotent. */
  abandon(): void {
    this.#leave('badRequest')
  }

  /** Closes the connection and frees its memory at once, whether the client reads or not. Idempotent. */
  expel(code: CloseCode): void {
    this.end(code)
    this.#socket.cut()
  }

  /** The client has disconnected. Idempotent. */
  disconnected(): void {
    this.#leave(undefined)
    this.#tools.budget.forget(this.#socket)
  }

  #leave(code: CloseCode | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#waiting = undefined
    this.#tools.wheel.cancel(this.#stale)
    this.#heartbeat?.stop()
    this.#queue.close()
    this.#session?.close()
    if (code !== undefined) {
      this.#socket.close(code)
      this.#tools.budget.closing(this.#socket)
    }
    this.#tools.events.onClose(this, code)
  }

  #take(command: Command): void {
    switch (actionFor(this.#state, command.method)) {
      case 'connect':
        return command.method === 'connect' ? this.#connect(command.id, command.request) : undefined
      case 'queue':
        this.#waiting ??= []
        if (this.#waiting.length >= MAX_QUEUED) return this.end('tooManyRequests')
        return void this.#waiting.push(command)
      case 'answer':
        return this.#answer(command)
      case 'bad':
        return this.end('badRequest')
      case 'unavailable':
        return this.end('notAvailable')
      case 'ignore':
      case 'drop':
        return
    }
  }

  #connect(id: number, request: ConnectRequest): void {
    this.#state = 'opening'
    const opening = this.#tools.opener.open({
      token: request.token,
      since: (user) => placeIn(request, channelOf(user)),
      outlet: this,
      onOpen: (opened) => this.#open(id, opened),
      abandoned: () => this.#state === 'closed',
    })
    opening.then(
      (refusal) => this.#refuse(id, refusal),
      (error: unknown) => this.#fail(error),
    )
  }

  #open(id: number, opened: Opened): void {
    this.#state = 'open'
    this.#session = opened.session
    this.#tools.events.onOpen(this)
    this.#pushHead = pushHead(opened.user)
    this.#pushBytes = Buffer.byteLength(this.#pushHead) + PUSH_TAIL.length
    this.#tools.wheel.cancel(this.#stale)
    this.#stale = undefined
    this.#heartbeat = new Heartbeat(this.#tools, this)
    this.#send(welcome(id, this.#client, opened, this.#tools))
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const command of waiting) this.#take(command)
  }

  #refuse(id: number, refusal: Refusal | undefined): void {
    if (this.#state === 'closed' || refusal === undefined) return
    if (refusal === 'invalid') return this.end('invalidToken')
    if (refusal === 'tooManyConnections') return this.end('tooManyConnections')
    this.#state = 'refused'
    this.#waiting = undefined
    this.#send(errorReply(id, refusal === 'expired' ? 'tokenExpired' : 'internal'))
  }

  #answer(command: Command): void {
    const { method } = command
    const stream = this.#tools.stream()
    if (method === 'pong' || method === 'send' || method === 'connect' || !this.#session) return
    if (method === 'refresh')
      return void this.#refresh(command.id, command.token, this.#session).catch((error: unknown) =>
        this.#fail(error),
      )
    // The feed has restarted, so this connection is about to close.
    if (stream === undefined) return this.#send(errorReply(command.id, 'internal'))
    this.#send(answerTo(command, this.#session, stream))
  }

  async #refresh(id: number, token: string, session: Session): Promise<void> {
    const outcome = await this.#tools.tokens.check(token)
    if (this.#state !== 'open') return
    if (outcome.kind === 'unavailable') return this.#send(errorReply(id, 'internal'))
    if (outcome.kind !== 'valid') return this.end(outcome.kind === 'expired' ? 'expired' : 'invalidToken')
    session.renew(outcome.claims)
    const { version } = this.#tools
    this.#send(refreshReply(id, { client: this.#client, version, expires: true, ttl: session.ttlSeconds }))
  }

  /** An internal error: the client reconnects. */
  #fail(err: unknown): void {
    this.#tools.log.error({ err }, 'connection failed')
    this.end('error')
  }

  #send(line: string): void {
    this.#queue.push(line, Buffer.byteLength(line))
  }
}

/** The position to recover from. The SDK's own position takes precedence over that of the page. */
function placeIn({ subs, since }: ConnectRequest, channel: string): StreamPosition | undefined {
  return subs.has(channel) ? subs.get(channel) : since
}
