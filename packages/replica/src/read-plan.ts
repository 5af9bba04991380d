/** The most ids of one read: above that a `find` by `_id` gets slower than two of them. */
export const MAX_IDS_PER_READ = 150

/** What a read may take. */
export interface ReadCost {
  readonly bytes: number
  /** Documents above it are not fetched. */
  readonly maxDocumentBytes: number
}

/**
 * Documents up to here are fetched without being asked for their size. Those above it are told with their size first, and
 * fetched when there is room for so many bytes.
 */
export const SMALL_BYTES = 16 * 1024

/** Instead of a document only its size is asked for, which also tells whether it is there. */
export const SIZE_ONLY = 0

/** What the size of a document takes in a reply, with its id. */
const SIZE_BYTES = 512

/** Large documents that are fetched together are not more than this, unless one alone is. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024

/** A reply lies twice in memory while it is put together, and what is made of it once more. */
const COPIES = 3

/** One document to be read. */
export interface Wanted {
  readonly collection: string
  /** As large as it may be to be fetched; {@link SIZE_ONLY}: its size is asked for. */
  readonly maxBytes: number
}

/** Documents that are read at once, all of one collection and about as large, and the room for that. */
export interface ReadPlan<T> extends ReadCost {
  readonly documents: readonly T[]
}

/** Puts what is wanted into as few reads as may be. */
export function planReads<T extends Wanted>(wanted: readonly T[]): readonly ReadPlan<T>[] {
  return [...byCollection(wanted).values()].flatMap((documents) => splitBySize(documents).map(planOf))
}

function planOf<T extends Wanted>(documents: readonly T[]): ReadPlan<T> {
  const maxDocumentBytes = documents.at(-1)?.maxBytes ?? SMALL_BYTES
  const each = maxDocumentBytes === SIZE_ONLY ? SIZE_BYTES : maxDocumentBytes
  return { documents, maxDocumentBytes, bytes: documents.length * each * COPIES }
}

/** The largest of each list is its last. */
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
