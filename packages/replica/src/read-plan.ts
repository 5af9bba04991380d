/** The most ids per read: above this, one `find` by `_id` is slower than two. */
export const MAX_IDS_PER_READ = 150

/** The memory a read may use. */
export interface ReadCost {
  readonly bytes: number
  /** Larger documents are not fetched. */
  readonly maxDocumentBytes: number
}

/**
 * Documents up to this size are fetched directly. For larger ones the size is read first, and they are fetched when the
 * budget allows.
 */
export const SMALL_BYTES = 16 * 1024

/** Requests only the size of a document, which also shows whether it exists. */
export const SIZE_ONLY = 0

/** The bytes of one id with its document size in a reply. */
const SIZE_BYTES = 512

/** The most bytes of large documents in one read, unless a single one is larger. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024

/** A reply is in memory twice while it is assembled, plus once encoded. */
const COPIES = 3

/** One document to read. */
export interface Wanted {
  readonly collection: string
  /** The largest document to fetch; {@link SIZE_ONLY} requests only its size. */
  readonly maxBytes: number
}

/** Documents of one collection and similar size that share one read, with its cost. */
export interface ReadPlan<T> extends ReadCost {
  readonly documents: readonly T[]
}

/** Groups documents into as few reads as possible. */
export function planReads<T extends Wanted>(wanted: readonly T[]): readonly ReadPlan<T>[] {
  return [...byCollection(wanted).values()].flatMap((documents) => splitBySize(documents).map(planOf))
}

function planOf<T extends Wanted>(documents: readonly T[]): ReadPlan<T> {
  const maxDocumentBytes = documents.at(-1)?.maxBytes ?? SMALL_BYTES
  const each = maxDocumentBytes === SIZE_ONLY ? SIZE_BYTES : maxDocumentBytes
  return { documents, maxDocumentBytes, bytes: documents.length * each * COPIES }
}

/** Each list is sorted by size, so its last document is the largest. */
function splitBySize<T extends Wanted>(documents: readonly T[]): readonly (readonly T[])[] {
  const lists: T[][] = []
  let list: T[] = []
  for (const document of documents.toSorted((a, b) => a.maxBytes - b.maxBytes)) {
    if (list.length === 0 || !fitsBatch(list, document)) lists.push((list = []))
    list.push(document)
  }
  return lists
}

function fitsBatch(list: readonly Wanted[], { maxBytes }: Wanted): boolean {
  if (list.length >= MAX_IDS_PER_READ) return false
  const [first] = list
  if (first === undefined || kindOf(first.maxBytes) !== kindOf(maxBytes)) return false
  return maxBytes <= SMALL_BYTES || (list.length + 1) * maxBytes <= MAX_BATCH_BYTES
}

function kindOf(maxBytes: number): 'size' | 'small' | 'large' {
  if (maxBytes === SIZE_ONLY) return 'size'
  return maxBytes <= SMALL_BYTES ? 'small' : 'large'
}

function byCollection<T extends Wanted>(wanted: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const one of wanted) {
    const group = groups.get(one.collection)
    if (group) group.push(one)
    else groups.set(one.collection, [one])
  }
  return groups
}
