import type {
  PinnedConnection,
  PinOptions,
  ReadCommand,
  ReadConnection,
  ReadSession,
  RunOptions,
} from '@freshet/guard'
import type { Position } from '@freshet/protocol'
import { positionOfTimestamp } from './positions.ts'

type Reply = Awaited<ReturnType<ReadConnection['run']>>

/** An interceptor of one command and its reply. */
type Run = (
  command: ReadCommand,
  options: RunOptions | undefined,
  inner: ReadConnection['run'],
) => Promise<Reply>

/** A connection with an interceptor. */
class OtherConnection implements ReadConnection {
  readonly database: string
  readonly #inner: ReadConnection
  readonly #run: Run

  constructor(inner: ReadConnection, run: Run) {
    this.database = inner.database
    this.#inner = inner
    this.#run = run
  }

  run(command: ReadCommand, options?: RunOptions): Promise<Reply> {
    return this.#run(command, options, (...all) => this.#inner.run(...all))
  }

  async pin(options: PinOptions): Promise<PinnedConnection> {
    const pinned = await this.#inner.pin(options)
    return {
      run: (command, { timeoutMs, ...rest }) =>
        this.#run(command, rest, (other, how) => pinned.run(other, { timeoutMs, ...how })),
      close: () => pinned.close(),
    }
  }

  prove(): Promise<void> {
    return this.#inner.prove()
  }

  openSession(): ReadSession {
    return this.#inner.openSession()
  }

  endSession(session: ReadSession): Promise<void> {
    return this.#inner.endSession(session)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

/** Runs an action between each read of a collection and its reply. */
export function overtaken(
  collection: string,
  happen: () => Promise<void>,
): (inner: ReadConnection) => ReadConnection {
  return (inner) =>
    new OtherConnection(inner, async (command, options, run) => {
      const reply = await run(command, options)
      if (command['find'] === collection) await happen()
      return reply
    })
}

/** After an interruption the feed resumes at the latest change instead of its position, which leaves a gap. */
export function forgetsWhereItStood(inner: ReadConnection): ReadConnection {
  let opened = false
  return new OtherConnection(inner, (command, options, run) => {
    if (command.aggregate === undefined) return run(command, options)
    const again = opened
      ? { ...command, pipeline: [{ $changeStream: { showExpandedEvents: true } }] }
      : command
    opened = true
    return run(again, options)
  })
}

/** Marks every reply of the feed as the latest state. */
export function takesFullRepliesAsProof(inner: ReadConnection): ReadConnection {
  return new OtherConnection(inner, async (command, options, run) => {
    const reply = await run(command, options)
    if (reply['cursor']?.postBatchResumeToken === undefined) return reply
    const { operationTime } = reply
    return { ...reply, operationTime: Reflect.construct(operationTime.constructor, [{ t: 0, i: 0 }]) }
  })
}

const DECIMAL = 0x13
const SYMBOL = 0x0e
const key = Buffer.from('\x03documentKey\0')

/** Ignores events whose `_id` is a decimal or a symbol, as if it could not equal another id. */
export function knowsOneTypeOfEachId(inner: ReadConnection): ReadConnection {
  return new OtherConnection(inner, async (command, options, run) => {
    const reply = await run(command, options)
    const { cursor } = reply
    if (cursor?.postBatchResumeToken === undefined) return reply
    for (const event of cursor.firstBatch ?? cursor.nextBatch) hideKey(event)
    return reply
  })
}

/** The same bytes as code, or as binary data of eleven bytes. */
function hideKey(event: Buffer): void {
  const at = event.indexOf(key)
  const typeAt = at + key.length + 4
  if (at < 0) return
  if (event[typeAt] === SYMBOL) event[typeAt] = 0x0d
  if (event[typeAt] !== DECIMAL) return
  event[typeAt] = 0x05
  event.set([11, 0, 0, 0, 0], typeAt + '_id\0'.length + 1)
}

/** Whether a command is a read at a position, as the product sends it. */
interface PastRead {
  readonly find: string
  readonly filter: { readonly _id: string | { readonly $in: readonly string[] } }
}

function isPastRead(command: ReadCommand): command is ReadCommand & PastRead {
  const { readConcern } = command
  return typeof readConcern === 'object' && readConcern !== null && 'atClusterTime' in readConcern
}

/**
 * Reads the current state of collections instead of the state at a position, and uses the reply's operationTime as the
 * position. `stamped` is called before the reply is returned.
 */
export function stampsByOperationTime(
  stamped: (collection: string, ids: readonly string[], at: Position) => void,
): (inner: ReadConnection) => ReadConnection {
  return (inner) =>
    new OtherConnection(inner, async (command, options, run) => {
      if (!isPastRead(command)) return run(command, options)
      const { find, filter } = command
      const reply = await run({ ...command, readConcern: { level: 'majority' } }, options)
      const { cursor, operationTime } = reply
      const ids = typeof filter._id === 'string' ? [filter._id] : filter._id.$in
      stamped(find, ids, positionOfTimestamp(operationTime))
      return { ...reply, cursor: { ...cursor, atClusterTime: operationTime } }
    })
}
