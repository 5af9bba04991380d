import type { Part } from '@freshet/kit'
import type { Replica } from '@freshet/replica'
import type { ServiceTools } from '@freshet/service'
import type { CachedDocument } from '../read-document.ts'
import type { ReadAccess } from '../reader-handler.ts'

/** The status of the database guard. */
export interface GuardReport {
  /** Which layers are in force. */
  readonly layers: Readonly<Record<string, 'standing' | 'absent'>>
  /** Why reading is stopped until the fault is fixed; `undefined`: no fault. */
  readonly fault: string | undefined
  readonly refusals: Readonly<Record<string, number>>
  /** How often database clients were recreated after they lost all servers. */
  readonly renewals: number
  /** The state of the database clients, by purpose. */
  readonly client?: Readonly<Record<'feed' | 'fills', string>>
}

/** A database to read from. */
export interface Backend {
  readonly replica: Replica<CachedDocument>
  readonly access: ReadonlyMap<string, ReadAccess>
  readonly guard: () => GuardReport
  /** Started before the replica, stopped after it. */
  readonly parts: readonly Part[]
}

/** Settings common to all backends. */
export interface BackendSettings {
  readonly database: string
  /** The folder of the collection files. */
  readonly collections: string
  readonly cacheBytes: number
  readonly fillWaitMs: number
}

export interface BackendTools extends Pick<ServiceTools, 'clock' | 'log' | 'signal'> {
  readonly inFlight: Pick<ServiceTools['inFlight'], 'budget'>
}
