import { setTimeout as pause } from 'node:timers/promises'
import { openLog, parseLogAddress } from '@freshet/change-stream-log'
import { systemClock } from '@freshet/kit'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, headers } from '@nats-io/transport-node'

const RETRY_MS = 200

/** Copies a topic of Kafka into a stream of NATS, with keys as headers, as bridges do. Starts again where it was after a failure. */
export class Bridge implements AsyncDisposable {
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>

  constructor(kafka: string, nats: string, stream: string) {
    this.#running = this.#run(kafka, nats, stream)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(kafka: string, nats: string, stream: string): Promise<void> {
    const address = parseLogAddress(kafka)
    if (address === undefined) throw new Error(`expected an address, got ${kafka}`)
    const connection = await connect({ servers: nats.slice('nats://'.length) })
    const manager = await jetstreamManager(connection)
    await manager.streams.add({ name: stream, subjects: [`${stream}.>`] })
    const { signal } = this.#stopping
    const log = openLog(address, systemClock)
    let next = 0
    while (!signal.aborted) {
      try {
        const { id } = await log.identify(signal)
        for await (const chunk of log.read(id, next, signal)) {
          for (const { offset, key, value } of chunk.records) {
            const carried = headers()
            if (key !== undefined) carried.set('kafka_key', Buffer.from(key).toString())
            const options = { headers: carried, msgID: String(offset) }
            await manager.jetstream().publish(`${stream}.all`, value ?? new Uint8Array(), options)
            next = offset + 1
          }
        }
      } catch {
        await pause(RETRY_MS)
      }
    }
    await log.close()
    await connection.close()
  }
}
