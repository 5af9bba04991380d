import { ObjectId, type Document } from 'mongodb'

/** Under it a reply says which process answered; it goes along when a reply is copied. */
const server = Symbol('server')

/**
 * Which process of a server sent a reply of `ReadConnection.run`: 24 hexadecimal digits that a server makes when it
 * starts (`topologyVersion.processId` of https://www.mongodb.com/docs/manual/reference/command/hello/). One process
 * has one history; behind one address there may be two, one after the other.
 */
export function serverOf(reply: Document): string | undefined {
  const id: unknown = Reflect.get(reply, server)
  return typeof id === 'string' ? id : undefined
}

/** Remembers which process a command went to, by the signal of that command, until its reply is there. */
export class AnsweringServers {
  readonly #servers = new WeakMap<AbortSignal, string>()

  /** A connection, which knows its server by the greeting, sends the command of this signal. */
  sent(signal: AbortSignal, hello: Document | null): void {
    const id: unknown = hello?.['topologyVersion']?.processId
    if (id instanceof ObjectId) this.#servers.set(signal, id.toHexString())
  }

  mark(reply: Document, signal: AbortSignal): Document {
    return Object.assign(reply, { [server]: this.#servers.get(signal) })
  }
}
