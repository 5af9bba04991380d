import { positionOf, type SourceId } from '@freshet/protocol'
import type { Interval, Message } from '@freshet/messages'
import {
  epochOf,
  type DeliveredMessage,
  type FeedChange,
  type FeedPoint,
  type FeedSink,
} from '../../src/index.ts'

export const SOURCE = '0a0b0c0d' as SourceId

/** 2026-11-29T12:00:00Z. */
export const SECOND = 1_795_953_600

export const EPOCH = epochOf(SOURCE, 1)

/** What the database and its change stream are in these tests: the same changes for all that follow. */
export class ScriptedFeed {
  readonly #sinks: FeedSink[] = []
  readonly #seqs = new Map<string, number>()
  #second = SECOND
  #increment = 0

  follow(sink: FeedSink): void {
    this.#sinks.push(sink)
    sink.begin({ epoch: EPOCH, second: this.#second })
    sink.apply({ changes: [], through: this.point() })
  }

  point(): FeedPoint {
    return {
      position: { source: SOURCE, at: positionOf(this.#second, this.#increment) },
      second: this.#second,
    }
  }

  /** The latest seq of a conversation. */
  seqOf(conv: string): number {
    return this.#seqs.get(conv) ?? 0
  }

  /** `body`: any JSON value. */
  message({ body, ...fields }: Partial<Message> & Pick<Message, 'from' | 'to'>): DeliveredMessage {
    const { to } = fields
    const conv = fields.conv ?? ('group' in to ? to.group : `conv-${JSON.stringify([fields.from, to])}`)
    const seq = this.seqOf(conv) + 1
    this.#seqs.set(conv, seq)
    const atMs = this.#second * 1_000
    const message: DeliveredMessage = {
      type: 'message',
      id: `${conv}/${seq}`,
      conv,
      seq,
      atMs,
      ...(fields.type !== 'deleted' && { bodyJson: JSON.stringify(body ?? { text: `${seq}` }) }),
      ...fields,
    }
    this.#emit({ second: this.#second, kind: 'message', message })
    return message
  }

  /** `intervals`: default, a member from the next message on. */
  member(
    user: string,
    group: string,
    intervals: readonly Interval[] = [{ from: this.seqOf(group) + 1 }],
  ): void {
    this.#emit({ second: this.#second, kind: 'membership', membership: { user, group, intervals } })
  }

  cursor(user: string, conv: string, read: number): void {
    this.#emit({ second: this.#second, kind: 'cursor', cursor: { user, conv, delivered: read, read } })
  }

  revoke(sub: string, notBefore: number): void {
    this.#emit({ second: this.#second, kind: 'revocation', revocation: { sub, notBefore } })
  }

  /** A message that arrives without its contents. */
  gap(): void {
    this.#emit({ second: this.#second, kind: 'gap' })
  }

  /** Time goes on in the source. */
  pass(seconds: number): void {
    this.#second += seconds
    this.#increment = 0
    for (const sink of this.#sinks) sink.apply({ changes: [], through: this.point() })
  }

  /** The history of the feed is lost: it starts anew. */
  lose(): void {
    for (const sink of this.#sinks) sink.begin({ epoch: EPOCH, second: this.#second + 1 })
  }

  #emit(change: FeedChange): void {
    this.#increment += 1
    for (const sink of this.#sinks) sink.apply({ changes: [change], through: this.point() })
  }
}
