import type { ChangeSource } from '@freshet/change-stream'
import type { Part } from '@freshet/kit'
import type { Change } from '@freshet/protocol'
import type { ServiceTools } from '@freshet/service'
import type { ChangeContent, UserReads } from '../contract.ts'

/** The status of the database guard. */
export interface GuardReport {
  /** Which layers are in force. */
  readonly layers: Readonly<Record<string, 'standing' | 'absent'>>
  /** Why reading is stopped until the fault is fixed; `undefined`: no fault. */
  readonly fault: string | undefined
  readonly refusals: Readonly<Record<string, number>>
  /** How often database clients were recreated after they lost all servers. */
  readonly renewals: number
}

/** A database whose messages are delivered. */
export interface Backend {
  /**
   * The changes of messages, memberships, read cursors and revocations, with the second of each. Of messages only new
   * ones. A start goes back by the configured window.
   */
  readonly source: ChangeSource
  /** Decodes a change of this source. Never throws. */
  readonly contentOf: (change: Change) => ChangeContent
  readonly reads: UserReads
  readonly guard: () => GuardReport
  /** Started before the feed, stopped after it. */
  readonly parts: readonly Part[]
}

/** Settings common to all backends. */
export interface BackendSettings {
  readonly database: string
  /** How far back a start of the feed goes. */
  readonly windowMs: number
}

export type BackendTools = Pick<ServiceTools, 'clock' | 'log' | 'signal'>
