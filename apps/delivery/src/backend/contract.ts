import type { ChangeSource } from '@freshet/change-stream'
import type { Part } from '@freshet/kit'
import type { Change } from '@freshet/protocol'
import type { GuardReport, ServiceTools } from '@freshet/service'
import type { ChangeContent, UserReads } from '../contract.ts'

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
