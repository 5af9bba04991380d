import type { ChangeSource, SourceReads } from '@freshet/change-stream'
import type { Log } from '@freshet/kit'
import type { CollectionPlace } from '@freshet/protocol'

/** What a replica follows, with the options that only one kind of database has. */
export interface SourceToOpen {
  readonly uri: string
  readonly database: string
  readonly collections: ReadonlyMap<string, CollectionPlace>
  /** MongoDB's. */
  readonly timeline: string | undefined
  /** PostgreSQL's. */
  readonly publication: string | undefined
  readonly log: Log
}

/** A source and reads with a user who was found to be read-only. */
export interface OpenedSource {
  readonly source: ChangeSource
  readonly reads: SourceReads
  readonly close: () => Promise<void>
}
