// R.7 fails without this file: nobody knows which process answered, so one without roles passes for the one before.
/// <reference path="../../../types/mongodb-connection.d.ts" />
import { ObjectId, type Document } from 'mongodb'
import type { ResponseType } from 'mongodb/lib/cmap/connection.js'

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

/**
 * The class of a reply, as the driver asks for it, whose objects bear the mark of whoever sent them.
 * @param hello what the server said when the connection was opened.
 */
export function markedBy(hello: Document | null, type: ResponseType): ResponseType {
  const id: unknown = hello?.['topologyVersion']?.processId
  if (!(id instanceof ObjectId)) return type
  const mark = { [server]: id.toHexString() }
  return class MarkedResponse extends type {
    override toObject(options?: unknown): Document {
      return Object.assign(super.toObject(options), mark)
    }
  }
}
