import type { ReadCommand, ReadConnection, ReadSession, RunOptions } from '@freshet/guard'
import type { Position } from '@freshet/protocol'
import { positionOfTimestamp } from './positions.ts'

type Reply = Awaited<ReturnType<ReadConnection['run']>>

/** What is done to one command and its reply. */
type Run = (
  command: ReadCommand,
  options: RunOptions | undefined,
  inner: ReadConnection['run'],
) => Promise<Reply>

/** A connection on which something is different. */
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

/** Something happens between each read of a collection and its reply. */
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

/** After a break the feed is opened at the newest change, not where it stood: there is a gap. */
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

/** Says of every reply of the feed that it shows the newest state there is. */
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

/** An event whose document is named by a decimal or a symbol is about no document: what such an id is equal to, nobody knows. */
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

/** A read of the past, as the product sends it. */
interface PastRead {
  readonly find: string
  readonly filter: { readonly _id: string | { readonly $in: readonly string[] } }
}

function isPastRead(command: ReadCommand): command is ReadCommand & PastRead {
  const { readConcern } = command
  return typeof readConcern === 'object' && readConcern !== null && 'atClusterTime' in readConcern
}

/**
 * Reads collections as they are when the server looks, not as they were at a position, and takes the operationTime of
 * the reply for the position of what was read. `stamped` hears of it before the reply goes on.
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
