import type { Change } from '@freshet/protocol'
import { BSON, Timestamp, UUID } from 'mongodb'
import { orderOf } from '../shared/documents.ts'

export const collection = 'order'

/** The seconds of all cluster times in the events; only the increment counts up. */
export const seconds = 1_800_000_000

const timeField = Buffer.from('\x11clusterTime\0', 'latin1')
const tokenField = Buffer.from('\x02_data\0', 'latin1')
const versionField = Buffer.from('\x10version\0', 'latin1')
const collectionId = new UUID('0190c1f2-7c3a-4c58-9d5e-2b6f1a3c4d5e')

/** A resume token of this cluster time, in the format of the server. */
export function tokenOf(increment: number, kind: 'event' | 'mark'): { readonly _data: string } {
  const time = hex8(seconds) + hex8(increment)
  const tail = kind === 'mark' ? '296E04' : '2C0100296E5A1004'
  return { _data: `82${time}2B04${tail}`.toUpperCase() }
}

/** A change event as sent by MongoDB 6.0, and the change it stands for. Both share the bytes of the document. */
export class StoredEvent {
  readonly key: string
  readonly bytes: Buffer
  readonly change: Change
  readonly #tokenTimeAt: number
  readonly #timeAt: number
  readonly #versionAt: number

  constructor(id: string, increment: number) {
    const event = BSON.serialize({
      _id: tokenOf(increment, 'event'),
      operationType: 'replace',
      clusterTime: new Timestamp({ t: seconds, i: increment }),
      wallTime: new Date(seconds * 1_000),
      fullDocument: orderOf(id),
      collectionUUID: collectionId,
      ns: { db: 'shop', coll: collection },
      documentKey: { _id: id },
    })
    this.bytes = Buffer.from(event.buffer, event.byteOffset, event.length)
    this.key = `${collection}/${id}`
    // Preceded by the length of the string, its first two digits and those of the seconds.
    this.#tokenTimeAt = this.bytes.indexOf(tokenField) + tokenField.length + 4 + 2 + 8
    this.#timeAt = this.bytes.indexOf(timeField) + timeField.length
    this.#versionAt = this.bytes.indexOf(versionField) + versionField.length
    const documentAt = this.bytes.indexOf('fullDocument\0') + 'fullDocument\0'.length
    const document = this.bytes.subarray(documentAt, documentAt + this.bytes.readUInt32LE(documentAt))
    this.change = { kind: 'upsert', collection, id, document }
  }

  /** Turns it into a later event with another version of the document. */
  stamp(increment: number, version: number): void {
    this.bytes.write(hex8(increment).toUpperCase(), this.#tokenTimeAt, 'latin1')
    this.bytes.writeUInt32LE(increment, this.#timeAt)
    this.bytes.writeInt32LE(version, this.#versionAt)
  }
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, '0')
}
