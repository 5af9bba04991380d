import { ByteBudget, type Log, systemClock } from '@freshet/kit'
import { connect, type Socket } from 'node:net'
import type { Handler } from '../src/contract.ts'
import { createFail } from '../src/answers.ts'
import { type HttpLimits, HttpShell } from '../src/http-shell.ts'
import type { Upgrades } from '../src/upgrades.ts'

/** Collects log entries. */
export class LogBook implements Log {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] = []
  readonly debug = this.#writer('debug')
  readonly info = this.#writer('info')
  readonly warn = this.#writer('warn')
  readonly error = this.#writer('error')

  #writer(level: string): (fields: object, message: string) => void {
    return (fields, message) => this.lines.push({ level, fields, message })
  }
}

const limits: HttpLimits = {
  maxHeaderBytes: 16_384,
  headersWithinMs: 10_000,
  bodyWithinMs: 30_000,
  idleMs: 75_000,
  unreadMs: 30_000,
  maxSockets: 100,
}

/** A real port with a handler behind the HTTP shell. */
export async function openShell(
  handle: Handler,
  changed: Partial<HttpLimits> & { readonly headBytes?: number; readonly upgrades?: Upgrades } = {},
  port = 0,
) {
  const log = new LogBook()
  let ids = 0
  const fail = createFail(log, () => `id-${++ids}`)
  const clock = systemClock
  const heads = new ByteBudget({ maxBytes: changed.headBytes ?? 2 ** 20, clock }).part('heads')
  const shell = new HttpShell({
    handle,
    fail,
    limits: { ...limits, ...changed },
    heads,
    clock,
    ...(changed.upgrades && { upgrades: changed.upgrades }),
  })
  const url = await shell.listen(port, '127.0.0.1')
  return { shell, url, log, fail, heads, [Symbol.asyncDispose]: () => shell.close(0) }
}

/** A raw connection that stores what it receives. */
export class RawClient {
  readonly socket: Socket
  text = ''
  readonly #ended: Promise<unknown>

  /** With `allowHalfOpen` it does not close when the server does. */
  constructor(url: string, allowHalfOpen = false) {
    this.socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen })
    this.socket.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk))
    this.socket.on('error', () => undefined)
    // Not Node's `once`, which rejects when the connection is reset.
    this.#ended = new Promise((resolve) => this.socket.once('close', resolve))
  }

  send(text: string): void {
    this.socket.write(text)
  }

  /** Everything that arrived until the server closed the connection. */
  async untilClosed(): Promise<string> {
    await this.#ended
    return this.text
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}
