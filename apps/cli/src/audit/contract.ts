import type { Position, SourceId } from '@freshet/protocol'

/** One question to a reader: a document, or several at once. */
export interface Question {
  readonly collection: string
  readonly ids: readonly string[]
  /** `one`: by its URL; `several`: by `?ids=`. */
  readonly form: 'one' | 'several'
}

/** What a reader answered. */
export interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly etag: string | undefined
  /** The code of the problem, when the body is one. */
  readonly problem: string | undefined
  readonly source: SourceId | undefined
  readonly position: Position | undefined
}

/** What the database says about one position. */
export type Truth =
  | { readonly kind: 'known'; readonly documents: ReadonlyMap<string, Buffer> }
  /** The database cannot say any more, or not yet: nothing follows about the answer. */
  | { readonly kind: 'unknown'; readonly reason: string }

/** The verdict over one answer. */
export type Verdict =
  | { readonly kind: 'right' }
  | { readonly kind: 'wrong'; readonly what: string }
  | { readonly kind: 'unjudged'; readonly reason: string }

/** Reads the past of the database. */
export interface TruthSource {
  /** The documents with these ids as they were at `position`, as the JSON that a reader must answer. */
  at(position: Position, collection: string, ids: readonly string[]): Promise<Truth>
  /** Some ids that are there now. */
  someIds(collection: string, limit: number): Promise<readonly string[]>
  /** The identity of the history behind the address now. */
  source(): Promise<SourceId | undefined>
}

/** Asks one reader. */
export interface ReaderDoor {
  readonly url: string
  ask(question: Question): Promise<Answer>
}
