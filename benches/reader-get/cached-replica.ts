import { Cache } from '@freshet/cache'
import { formatSourcePosition, parseSourceId, positionOf, type Position } from '@freshet/protocol'
import { documentEncoder, type CachedDocument } from '@freshet/reader'
import type { Absent, Answer, Notification, Replica, ReplicaState, ReplicaStatus } from '@freshet/replica'
import { createHash } from 'node:crypto'

const MiB = 1024 * 1024
const source = parseSourceId('01234567')

const encoder = documentEncoder((document) => ({
  json: Buffer.from(document),
  etag: `"${createHash('sha256').update(document).digest('base64url').slice(0, 22)}"`,
}))

/** A replica that caches what it receives in the real cache and whose position advances ten times a second. */
export class CachedReplica implements Replica<CachedDocument> {
  readonly #cache = new Cache<CachedDocument>({ maxBytes: 1024 * MiB, sizeOf: encoder.sizeOf })
  readonly state: ReplicaState = { kind: 'live' }
  #at = positionOf(1_800_000_000, 1)
  #text: string | undefined
  #proved = performance.now()

  hold(key: string, json: string): void {
    this.#cache.install(this.#cache.beginFill(key), encoder.encode(Buffer.from(json)))
  }

  move(increment: number): void {
    this.#at = positionOf(1_800_000_000, increment)
    this.#text = source === undefined ? undefined : formatSourcePosition(source, this.#at)
    this.#proved = performance.now()
  }

  get at(): Position {
    return this.#at
  }

  get positionText(): string | undefined {
    return this.#text
  }

  get provedAt(): number {
    return this.#proved
  }

  get aliveAt(): number {
    return this.#proved
  }

  peek(key: string): CachedDocument | Absent | undefined {
    return this.#cache.peek(key)
  }

  get(): Promise<Answer<CachedDocument>> {
    return unused()
  }

  many(): Promise<Answer<CachedDocument>> {
    return unused()
  }

  atLeast(): Promise<void> {
    return unused()
  }

  now(): Promise<Position> {
    return unused()
  }

  async *changes(): AsyncIterable<Notification<CachedDocument>> {}

  status(): ReplicaStatus {
    throw new Error('not asked here')
  }

  async start(): Promise<void> {}

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

function unused(): Promise<never> {
  return Promise.reject(new Error('everything is held here'))
}
