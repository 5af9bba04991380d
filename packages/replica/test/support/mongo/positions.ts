import { highOf, lowOf, positionOf, type Position } from '@freshet/protocol'
import { Timestamp } from 'mongodb'

export function positionOfTimestamp(timestamp: Timestamp): Position {
  return positionOf(timestamp.getHighBitsUnsigned(), timestamp.getLowBitsUnsigned())
}

export function timestampOf(position: Position): Timestamp {
  return new Timestamp({ t: highOf(position), i: lowOf(position) })
}
