import type { Position, SourceId, SourcePosition } from '@freshet/protocol'

/** One question to a reader: a document, or several at once. */
export interface Question {
  readonly collection: string
  readonly ids: readonly string[]
  /** `one`: by its URL; `several`: by `?ids=`. */
  readonly form: 'one' | 'several'
  /** A HEAD is answered as a GET without its body. */
  readonly method: 'GET' | 'HEAD'
  /** About one document alone. */
  readonly condition?: AskedCondition
  /** `Freshet-At-Least` */
  readonly atLeast?: SourcePosition
}

/** `If-None-Match` or `If-Match`, with one ETag. */
export interface AskedCondition {
  readonly kind: 'none-match' | 'match'
  readonly etag: string
}

/** What a reader answered. */
export interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly etag: string | undefined
  readonly contentType: string | undefined
  /** `Content-Length`, when it is a number. */
  readonly contentLength: number | undefined
  /** `Age` in seconds, when it is a whole number. */
  readonly ageS: number | undefined
  readonly cacheStatus: string | undefined
  /** The code of the problem, when the body is one. */
  readonly problem: string | undefined
  readonly source: SourceId | undefined
  readonly position: Position | undefined
}

/** What the database says about one position. */
export type Truth =
  | { readonly kind: 'known'; readonly documents: ReadonlyMap<string, Buffer> }
  /** The database cannot say any more, or not yet: nothing follows about the answer. */
  | Unknown

/** The database cannot tell, and why not. */
export interface Unknown {
  readonly kind: 'unknown'
  readonly reason: string
}

/** The verdict over one answer. */
export type Verdict =
  | { readonly kind: 'right' }
  | { readonly kind: 'wrong'; readonly what: string }
  /** It states a fact, and nobody can say whether that is one. */
  | { readonly kind: 'unjudged'; readonly reason: string }
  /** It states no fact about data: a refusal, or no answer. */
  | { readonly kind: 'refused'; readonly reason: string }

/** Where the database stood when it was asked, for a majority. */
export interface Moment {
  /** The history behind the address; `undefined`: it has no name. */
  readonly source: SourceId | undefined
  readonly position: Position
  /** Which process of which server said so; positions of one process never fall. */
  readonly server: string | undefined
}

/** Whether the database changed between two positions. */
export type Changed = { readonly kind: 'no' } | { readonly kind: 'yes'; readonly at: Position } | Unknown

/** Which history a position belongs to. */
export type SourceAt = { readonly kind: 'known'; readonly source: SourceId | undefined } | Unknown

/** Reads the present and the past of the database. */
export interface TruthSource {
  /** The documents with these ids as they were at `position`, as the JSON that a reader must answer. */
  at(position: Position, collection: string, ids: readonly string[]): Promise<Truth>
  /** Some ids that are there now. Rejects when the database cannot be read. */
  someIds(collection: string, limit: number): Promise<readonly string[]>
  /** An id of this collection by chance, which is hardly there. */
  strangeId(collection: string, random: () => number): string
  /** Rejects when the database cannot be read. */
  now(): Promise<Moment>
  /** The name of the history as it stood in the database at `position`. */
  sourceAt(position: Position): Promise<SourceAt>
  /** Whether anything in the database changed after `after`, and at `until` at the latest. */
  changedWithin(after: Position, until: Position): Promise<Changed>
}

/** Asks one reader. Rejects when there is no answer, or none in time. */
export interface ReaderDoor {
  readonly url: string
  ask(question: Question): Promise<Answer>
}
