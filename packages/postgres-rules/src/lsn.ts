import { highOf, lowOf, positionOf, type Position } from '@freshet/protocol'

/** The position of an LSN as PostgreSQL prints it, such as `0/16B3748`. @throws {TypeError} */
export function positionOfLsn(lsn: string): Position {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(lsn)
  if (match?.[1] === undefined || match[2] === undefined)
    throw new TypeError(`expected an LSN such as 0/16B3748, got '${lsn}'`)
  return positionOf(Number.parseInt(match[1], 16), Number.parseInt(match[2], 16))
}

/** The position of an LSN in a message. */
export function positionInBuffer(buffer: Buffer, offset: number): Position {
  return positionOf(buffer.readUInt32BE(offset), buffer.readUInt32BE(offset + 4))
}

/** An LSN as PostgreSQL reads it. */
export function lsnOf(position: Position): string {
  return `${highOf(position).toString(16)}/${lowOf(position).toString(16)}`.toUpperCase()
}

/** The layout of a server's write-ahead log, in bytes. */
export interface WalLayout {
  readonly blockBytes: number
  readonly segmentBytes: number
}

/** The sizes of the headers at the start of a page and of a segment (`SizeOfXLogShortPHD`, `SizeOfXLogLongPHD`). */
const headerBytes = { page: 24, segment: 40 } as const

/**
 * The end of the last record before an insert position. At the start of a page the insert position is already behind the
 * page's header, where no record ends, and on an idle server decoding would never get there.
 */
export function endOfLastRecord(insert: Position, { blockBytes, segmentBytes }: WalLayout): Position {
  const low = lowOf(insert)
  if (low % segmentBytes === headerBytes.segment) return positionOf(highOf(insert), low - headerBytes.segment)
  if (low % blockBytes === headerBytes.page) return positionOf(highOf(insert), low - headerBytes.page)
  return insert
}
