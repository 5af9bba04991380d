import type { Clock, Log, TokenBucketLimits } from '@freshet/kit'
import type { BufferBudget } from './buffer-budget.ts'
import type { TokenCheck } from './contract.ts'
import type { Connection } from './connection.ts'
import type { Stream } from './recovery.ts'
import type { CloseCode } from './protocol/codes.ts'
import type { SendTurn } from './send-queue.ts'
import type { SessionOpener } from './session-opener.ts'
import type { TimerWheel } from './timer-wheel.ts'

/** What a connection reports, each at most once. */
interface ConnectionEvents {
  /** It has a session. */
  onOpen(connection: Connection): void
  /** With the code of our close, or `undefined` when the client disconnected. */
  onClose(connection: Connection, code: CloseCode | undefined): void
}

/** What all connections share. */
export interface ConnectionTools {
  readonly opener: SessionOpener
  readonly tokens: TokenCheck
  readonly wheel: TimerWheel
  readonly clock: Clock
  readonly log: Log
  readonly turn: SendTurn
  readonly budget: BufferBudget
  readonly random: () => number
  /** Unique among all instances. */
  readonly newId: () => string
  readonly stream: () => Stream | undefined
  readonly events: ConnectionEvents
  /** The name of this instance and of its version. */
  readonly node: string
  readonly version: string
  readonly limits: ConnectionLimits
  /** Of each client. */
  readonly commandRate: TokenBucketLimits
}

/** The limits of one connection. */
interface ConnectionLimits {
  readonly connectWithinMs: number
  readonly pingMs: number
  readonly pongMs: number
  readonly maxBufferBytes: number
}
