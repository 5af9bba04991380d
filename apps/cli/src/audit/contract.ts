import type { Position, SourceId, SourcePosition } from '@freshet/protocol'

/** A request to a reader, for one document or several. */
export interface Question {
  readonly collection: string
  readonly ids: readonly string[]
  /** `one`: `/{id}`. `several`: `?ids=`. */
  readonly form: 'one' | 'several'
  readonly method: 'GET' | 'HEAD'
  /** Only for one document. */
  readonly condition?: Condition
  /** `Freshet-At-Least` */
  readonly atLeast?: SourcePosition
}

/** `If-None-Match` or `If-Match`, with one ETag. */
export interface Condition {
  readonly kind: 'none-match' | 'match'
  readonly etag: string
}

/** The answer of a reader. */
export interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly etag: string | undefined
  readonly contentType: string | undefined
  /** `Content-Length`, if it is an integer. */
  readonly contentLength: number | undefined
  /** `Age` in seconds, if it is an integer. */
  readonly ageS: number | undefined
  readonly cacheStatus: string | undefined
  /** The problem code, if the body is a problem. */
  readonly problem: string | undefined
  readonly source: SourceId | undefined
  readonly position: Position | undefined
}

/** The state of the database at one position. */
export type Truth = { readonly kind: 'known'; readonly documents: ReadonlyMap<string, Buffer> } | Unknown

/** The database cannot answer, so nothing follows for the reader. */
export interface Unknown {
  readonly kind: 'unknown'
  readonly reason: string
}

/** The verdict on one answer. */
export type Verdict =
  | { readonly kind: 'right' }
  | { readonly kind: 'wrong'; readonly what: string }
  /** The answer states a fact that cannot be checked. */
  | { readonly kind: 'unjudged'; readonly reason: string }
  /** The answer states no fact about data, or there is no answer. */
  | { readonly kind: 'refused'; readonly reason: string }

/** The majority-committed state of the database at one moment. */
export interface Moment {
  /** The source id; `undefined` if the database has none. */
  readonly source: SourceId | undefined
  readonly position: Position
  /** The server process that answered. Positions of one process never decrease. */
  readonly server: string | undefined
}

/** Whether the database changed between two positions. */
export type Changed = { readonly kind: 'no' } | { readonly kind: 'yes'; readonly at: Position } | Unknown

/** The source id at a position. */
export type SourceAt = { readonly kind: 'known'; readonly source: SourceId | undefined } | Unknown

/** Reads the current and past states of the database. */
export interface TruthSource {
  /** The documents with these ids at `position`, in the JSON that a reader must return. */
  at(position: Position, collection: string, ids: readonly string[]): Promise<Truth>
  /** A sample of existing ids. Rejects if the database cannot be read. */
  someIds(collection: string, limit: number): Promise<readonly string[]>
  /** A random id that is unlikely to exist. */
  absentId(collection: string, random: () => number): string
  /** Rejects if the database cannot be read. */
  now(): Promise<Moment>
  /** The source id in the database at `position`. */
  sourceAt(position: Position): Promise<SourceAt>
  /** Whether anything in the database changed after `after` and up to `until`. */
  changedWithin(after: Position, until: Position): Promise<Changed>
}

/** A client of one reader. `ask` rejects if there is no answer in time. */
export interface ReaderClient {
  readonly url: string
  ask(question: Question): Promise<Answer>
}
