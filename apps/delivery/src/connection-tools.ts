import type { Clock, Log } from '@freshet/kit'
import type { BufferBudget } from './buffer-budget.ts'
import type { TokenCheck } from './contract.ts'
import type { Defer } from './defer.ts'
import type { Stream } from './recovery.ts'
import type { SessionOpener } from './session-opener.ts'
import type { TimerWheel } from './timer-wheel.ts'

/** What all connections share. */
export interface ConnectionTools {
  readonly opener: SessionOpener
  readonly tokens: TokenCheck
  readonly wheel: TimerWheel
  readonly clock: Clock
  readonly log: Log
  readonly defer: Defer
  readonly budget: BufferBudget
  readonly random: () => number
  /** Unique among all instances. */
  readonly newId: () => string
  readonly stream: () => Stream | undefined
  /** The name of this instance and of its version. */
  readonly node: string
  readonly version: string
  readonly limits: ConnectionLimits
}

/** The limits of one connection. */
interface ConnectionLimits {
  readonly connectWithinMs: number
  readonly pingMs: number
  readonly pongMs: number
  readonly maxBufferBytes: number
  readonly commandsPerSecond: number
}
