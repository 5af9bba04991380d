import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { loopFault, parseLineage } from '@freshet/protocol'

/** A fake writer that writes nothing: it records requests, and answers by their lineage, as the writer does. */
export class FakeWriter implements AsyncDisposable {
  readonly #server: Server
  #came = 0

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#came += 1
      const cause = request.headers['freshet-cause']
      const lineage = typeof cause === 'string' ? parseLineage(cause) : []
      response.statusCode = lineage && loopFault(lineage, 'docs', 1) === undefined ? 201 : 508
      response.end()
    })
  }

  static async open(): Promise<FakeWriter> {
    const door = new FakeWriter()
    door.#server.listen(0, '127.0.0.1')
    await once(door.#server, 'listening')
    return door
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The number of requests received, whatever the answers. */
  get came(): number {
    return this.#came
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
