import type { StoredDocument } from '@freshet/documents'
import { StoreError } from '../errors.ts'
import { InsertGroup, type Insert, type Inserted, type InsertGroupParts } from './insert-group.ts'

/**
 * Commands at a time for each collection. While they run, further documents wait and then share one: a document in a command
 * of ten costs the database and the driver a fraction of a command of its own. With four, 32 clients got 1,440 answers a second
 * instead of 2,110, for half as much more processor time.
 */
const MAX_RUNNING = 2
/**
 * A command that runs longer makes room for another: it may wait for a lock of another program, which its documents need and
 * others do not.
 */
const SLOW_AFTER_MS = 20
/** With the slow ones. If all of them wait for locks, so does the rest of the collection, as a rule. */
const MAX_RUNNING_WITH_SLOW = 16
/** How long a document waits to be sent: as long as for a connection. */
const SEND_WITHIN_MS = 2_000
const MAX_DOCUMENTS = 100
/** The server stores up to 256 KiB of a command in one storage transaction (`insertVectorMaxBytes`). */
const MAX_BYTES = 256 * 2 ** 10

interface Waiting extends Insert {
  readonly sinceMs: number
}

interface Queue {
  waiting: Waiting[]
  running: number
  /** How many of them are slow. */
  slow: number
  /** Fires when the first of those that wait has waited too long. */
  timer: NodeJS.Timeout | undefined
}

/** Inserts documents that arrive together with one command. Each has its own outcome, as if it had been inserted alone. */
export class GroupedInserts {
  readonly #parts: InsertGroupParts
  readonly #queues = new Map<string, Queue>()

  constructor(parts: InsertGroupParts) {
    this.#parts = parts
  }

  /** @throws {StoreError} */
  insert(collection: string, document: StoredDocument): Promise<Inserted> {
    const queue = this.#queues.get(collection) ?? newQueue()
    this.#queues.set(collection, queue)
    return new Promise((resolve, reject) => {
      queue.waiting.push({ document, sinceMs: performance.now(), resolve, reject })
      this.#send(collection, queue)
    })
  }

  #send(collection: string, queue: Queue): void {
    while (queue.waiting.length > 0 && hasRoom(queue)) {
      queue.running += 1
      void this.#run(collection, queue, takeGroup(queue))
    }
    if (queue.running > 0) return limitWait(queue)
    clearTimeout(queue.timer)
    this.#queues.delete(collection)
  }

  async #run(collection: string, queue: Queue, group: readonly Waiting[]): Promise<void> {
    let slow = 0
    const timer = setTimeout(() => {
      slow = 1
      queue.slow += 1
      this.#send(collection, queue)
    }, SLOW_AFTER_MS)
    await new InsertGroup(collection, group, this.#parts).settle()
    clearTimeout(timer)
    queue.running -= 1
    queue.slow -= slow
    this.#send(collection, queue)
  }
}

const newQueue = (): Queue => ({ waiting: [], running: 0, slow: 0, timer: undefined })

function hasRoom({ running, slow }: Queue): boolean {
  return running - slow < MAX_RUNNING && running < MAX_RUNNING_WITH_SLOW
}

/** Rejects documents that have waited too long. One timer a queue: nearly all of them wait for some milliseconds. */
function limitWait(queue: Queue): void {
  const [first] = queue.waiting
  if (first === undefined || queue.timer !== undefined) return
  queue.timer = setTimeout(
    () => {
      queue.timer = undefined
      const untilMs = performance.now() - SEND_WITHIN_MS
      const late = queue.waiting.filter(({ sinceMs }) => sinceMs <= untilMs)
      queue.waiting = queue.waiting.slice(late.length)
      for (const { reject } of late)
        reject(new StoreError('CROWDED', `earlier inserts took longer than ${SEND_WITHIN_MS} ms`))
      limitWait(queue)
    },
    first.sinceMs + SEND_WITHIN_MS - performance.now(),
  )
}

/** The first of those who wait, as many as fit into one command. */
function takeGroup(queue: Queue): readonly Waiting[] {
  let bytes = 0
  let count = 0
  for (const { document } of queue.waiting) {
    bytes += document.length
    if (count === MAX_DOCUMENTS || (count > 0 && bytes > MAX_BYTES)) break
    count += 1
  }
  const group = queue.waiting.slice(0, count)
  queue.waiting = queue.waiting.slice(count)
  return group
}
