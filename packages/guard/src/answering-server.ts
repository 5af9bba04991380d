// R.7 fails without this file: it is unknown which process answered, so one without roles passes for the previous one.
/// <reference path="../../../types/mongodb-connection.d.ts" />
import { ObjectId, type Document } from 'mongodb'
import type { ResponseType } from 'mongodb/lib/cmap/connection.js'

/** The key under which a reply records its server process; preserved when a reply is copied. */
const server = Symbol('server')

/**
 * The server process that sent a reply of `ReadConnection.run`: 24 hex digits that a server generates at startup
 * (`topologyVersion.processId` of https://www.mongodb.com/docs/manual/reference/command/hello/). A process has one
 * history; the processes behind one address may have different ones.
 */
export function serverOf(reply: Document): string | undefined {
  const id: unknown = Reflect.get(reply, server)
  return typeof id === 'string' ? id : undefined
}

/**
 * A subclass of the driver's response type whose objects record the sending process.
 * @param hello the server's handshake reply.
 */
export function taggedResponseType(hello: Document | null, type: ResponseType): ResponseType {
  const id: unknown = hello?.['topologyVersion']?.processId
  if (!(id instanceof ObjectId)) return type
  const mark = { [server]: id.toHexString() }
  return class MarkedResponse extends type {
    override toObject(options?: unknown): Document {
      return Object.assign(super.toObject(options), mark)
    }
  }
}
