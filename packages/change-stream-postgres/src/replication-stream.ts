import { ChangeStreamError } from '@freshet/change-stream'
import type { Position } from '@freshet/protocol'
import type { EventEmitter } from 'node:events'
import type { Client } from 'pg'
import { lsnOf, positionInBuffer } from '@freshet/postgres-rules'
import { changeStreamErrorOf } from './errors.ts'
import { connectForReplication, type OpenSessions } from './session.ts'

/** What a stream delivers, synchronously and in order. */
export interface StreamSink {
  /** `bytes` is only valid during the call. */
  message(bytes: Buffer): void
  /** Everything that ends at or before `end` has been delivered. */
  keepalive(end: Position): void
  /** The stream has ended. */
  ended(error: ChangeStreamError): void
}

/** The part of pg's connection that replication needs and that its types omit. */
interface Wire extends EventEmitter {
  readonly stream: { pause(): void; resume(): void; destroy(): void }
  sendCopyFromChunk(chunk: Buffer): void
}

function isWire(wire: unknown): wire is Wire {
  return (
    typeof wire === 'object' &&
    wire !== null &&
    'stream' in wire &&
    'sendCopyFromChunk' in wire &&
    'on' in wire
  )
}

const tags = { data: 0x77, keepalive: 0x6b, status: 0x72 } as const
/** Behind the tag: start, end and time. */
const DATA_HEADER = 25

/**
 * One connection for logical replication: statements first, then the stream of a slot. Why not a library:
 * `docs/decisions/0023-own-replication-client.md`.
 * https://www.postgresql.org/docs/current/protocol-replication.html
 */
export class ReplicationStream {
  readonly #client: Client
  readonly #wire: Wire
  #sink: StreamSink | undefined
  #closed = false

  private constructor(client: Client, wire: Wire) {
    this.#client = client
    this.#wire = wire
  }

  /** @throws {ChangeStreamError} DISCONNECTED, DENIED, UNSUPPORTED */
  static async open(options: OpenSessions): Promise<ReplicationStream> {
    const client = await connectForReplication(options)
    const wire: unknown = Reflect.get(client, 'connection')
    if (!isWire(wire)) throw new TypeError('expected the connection of a pg client')
    return new ReplicationStream(client, wire)
  }

  /** Runs a replication command. Returns its first row, by column. One that takes too long closes the connection. */
  async command(text: string, withinMs: number): Promise<ReadonlyMap<string, string>> {
    const late = setTimeout(() => this.close(), withinMs)
    try {
      const { rows } = await this.#client.query<Record<string, unknown>>(text)
      return new Map(Object.entries(rows[0] ?? {}).map(([name, value]) => [name, String(value)]))
    } catch (error) {
      throw changeStreamErrorOf(error, `run ${text.split(' ', 1)[0] ?? text} within ${withinMs} ms`)
    } finally {
      clearTimeout(late)
    }
  }

  /** Starts the stream of a slot. Changes that its publication does not include are not sent. */
  start(slot: string, at: Position, publication: string, sink: StreamSink): void {
    this.#sink = sink
    this.#wire.on('copyData', ({ chunk }: { readonly chunk: Buffer }) => {
      try {
        this.#receive(chunk)
      } catch (error) {
        this.#end(error)
      }
    })
    const names = `"${publication.replaceAll('"', '""')}"`.replaceAll("'", "''")
    const options = `proto_version '1', publication_names '${names}', messages 'true'`
    this.#client
      .query(`START_REPLICATION SLOT ${slot} LOGICAL ${lsnOf(at)} (${options})`)
      .then(() => this.#end(new Error('the server ended the stream')))
      .catch((error: unknown) => this.#end(error))
    this.#client.once('end', () => this.#end(new Error('the connection was closed')))
  }

  /**
   * Reports that everything up to `at` was consumed, so that the server need not keep it, and that this side is alive.
   * `reply`: asks for a keepalive.
   */
  status(at: Position, reply: boolean): void {
    if (this.#closed || this.#sink === undefined) return
    const message = Buffer.alloc(34)
    message[0] = tags.status
    // Written, flushed and applied.
    for (const offset of [1, 9, 17]) message.write(at, offset, 'hex')
    message[33] = reply ? 1 : 0
    this.#wire.sendCopyFromChunk(message)
  }

  /** Stops reading from the server, which waits when its buffers are full. */
  pause(): void {
    this.#wire.stream.pause()
  }

  resume(): void {
    this.#wire.stream.resume()
  }

  /** The server then drops the temporary slots of this connection. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    // A graceful end would wait for a server that may be unreachable.
    this.#client.end().catch(() => undefined)
    this.#wire.stream.destroy()
  }

  #receive(chunk: Buffer): void {
    if (chunk[0] === tags.data) return this.#sink?.message(chunk.subarray(DATA_HEADER))
    if (chunk[0] !== tags.keepalive)
      throw new ChangeStreamError('UNSUPPORTED', `the server sent a message of the unknown type ${chunk[0]}`)
    this.#sink?.keepalive(positionInBuffer(chunk, 1))
  }

  #end(error: unknown): void {
    const sink = this.#sink
    this.#sink = undefined
    if (!this.#closed) sink?.ended(changeStreamErrorOf(error, 'follow the changes'))
    this.close()
  }
}
