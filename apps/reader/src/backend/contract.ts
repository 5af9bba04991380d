import type { Part } from '@freshet/kit'
import type { Replica } from '@freshet/replica'
import type { ServiceTools } from '@freshet/service'
import type { CachedDocument } from '../cached-document.ts'
import type { ReadAccess } from '../routes.ts'

/** What the database's guard says of itself. */
export interface GuardWord {
  /** Which walls stand. */
  readonly layers: Readonly<Record<string, 'standing' | 'absent'>>
  /** Why nothing is read from the database until that is mended; `undefined`: nothing is wrong. */
  readonly fault: string | undefined
  readonly refusals: Readonly<Record<string, number>>
  /** How often clients were made anew that had lost their last server. */
  readonly renewals: number
  /** How the clients of the database are, by what they are for. */
  readonly client?: Readonly<Record<'feed' | 'fills', string>>
}

/** One database to read from. */
export interface Backend {
  readonly replica: Replica<CachedDocument>
  readonly access: ReadonlyMap<string, ReadAccess>
  readonly guard: () => GuardWord
  /** What must run before the replica and be stopped after it. */
  readonly parts: readonly Part[]
}

/** What every kind of database is opened with. */
export interface BackendSettings {
  readonly database: string
  /** The folder of the collection files. */
  readonly collections: string
  readonly cacheBytes: number
  readonly fillWaitMs: number
}

/** What a backend needs of its service. */
export interface BackendTools extends Pick<ServiceTools, 'clock' | 'log' | 'signal'> {
  readonly inFlight: Pick<ServiceTools['inFlight'], 'budget'>
}
