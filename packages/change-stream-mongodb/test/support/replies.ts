import { positionOf, type Change, type IdType } from '@freshet/protocol'
import { serialize, Timestamp, UUID } from 'bson'
import { BatchAssembler, type FeedReply } from '../../src/batch-assembler.ts'
import type { ClusterTime } from '../../src/cluster-time.ts'
import { WatchList } from '../../src/event.ts'

const hex = (n: number): string => n.toString(16).toUpperCase().padStart(8, '0')
export const eventToken = (t: number): string => `82${hex(1)}${hex(t)}2B022C0100296E5A1004`
export const mark = (t: number): string => `82${hex(1)}${hex(t)}2B0229296E04`

export interface EventParts {
  readonly kind?: string
  readonly id?: unknown
  readonly collection?: string
  readonly transaction?: boolean
  readonly to?: string
  readonly token?: string
  /** As in the header `Freshet-Cause`, in the event's document. */
  readonly cause?: string
}

/** A MongoDB event at time `t`, in the server's format. */
export function event(
  t: number,
  { kind = 'insert', id = `k${t}`, collection = 'things', transaction, to, token, cause }: EventParts = {},
): Buffer {
  return Buffer.from(
    serialize({
      _id: { _data: token ?? eventToken(t) },
      operationType: kind,
      clusterTime: new Timestamp({ t: 1, i: t }),
      wallTime: new Date(),
      ...(transaction ? { lsid: { id: new UUID() }, txnNumber: 1 } : {}),
      ...(kind === 'insert' || kind === 'replace'
        ? { fullDocument: { _id: id, at: t, ...(cause === undefined ? {} : { cause }) } }
        : {}),
      ns: { db: 'app', ...(kind === 'dropDatabase' || kind === 'invalidate' ? {} : { coll: collection }) },
      ...(to ? { to: { db: 'app', coll: to } } : {}),
      ...(['insert', 'replace', 'update', 'delete'].includes(kind) ? { documentKey: { _id: id } } : {}),
    }),
  )
}

export const reply = (
  events: readonly Buffer[],
  token: string,
  rest: Partial<FeedReply> = {},
): FeedReply => ({
  events,
  token: { _data: token },
  operationTime: { high: 1, low: 1_000 },
  ended: false,
  sentAt: 0,
  ...rest,
})

export interface Kind {
  readonly singlePositions?: boolean
  readonly idType?: IdType
  readonly identityKnownThrough?: ClusterTime
}

export function assembler(
  from = 5,
  { singlePositions = true, idType = 'string', ...rest }: Kind = {},
): BatchAssembler {
  return new BatchAssembler({
    from: positionOf(1, from),
    watchList: new WatchList(
      new Map([
        ['things', idType],
        ['others', 'string'],
      ]),
    ),
    singlePositions,
    maxOpenBytes: 1_000_000,
    ...rest,
  })
}

export const words = (changes: readonly Change[]): readonly string[] =>
  changes.map((change) =>
    'id' in change
      ? `${change.kind} ${change.id}`
      : 'collection' in change
        ? `${change.kind} ${change.collection}`
        : change.kind,
  )

/** The result of a sequence of replies, batch by batch. */
export function run(
  target: BatchAssembler,
  first: FeedReply,
  ...later: readonly FeedReply[]
): readonly [number, ...string[]][] {
  return [target.opened(first), ...later.map((one) => target.next(one))].map(({ batch }) => [
    Number.parseInt(batch.through.slice(8), 16),
    ...words(batch.changes),
  ])
}
