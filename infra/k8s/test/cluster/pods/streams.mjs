/** Clients of event streams, all of one user. Each comes back with its position and must receive every message that was acknowledged. */
import { request } from 'node:http'

/** A message that has not arrived after this time is missing. */
const patienceMs = 15_000

export class EventStreams {
  #streams
  #expected = new Map()
  #gaps = 0
  #reconnects = 0

  constructor({ gate, token, count }) {
    this.#streams = Array.from({ length: count }, () => ({ seen: new Set(), since: undefined, open: false }))
    for (const stream of this.#streams) this.#follow(stream, gate, token)
  }

  /** Every stream that was connected before must receive this message. */
  expect(id) {
    this.#expected.set(id, performance.now())
  }

  /** Counts since the last call. `missing`: messages, times the streams that did not receive them. */
  take() {
    let [delivered, missing] = [0, 0]
    for (const [id, atMs] of this.#expected) {
      const without = this.#streams.filter(({ seen }) => !seen.has(id)).length
      if (without > 0 && performance.now() - atMs < patienceMs) continue
      missing += without
      delivered += this.#streams.length - without
      this.#expected.delete(id)
      for (const { seen } of this.#streams) seen.delete(id)
    }
    const taken = {
      delivered,
      missing,
      pending: this.#expected.size,
      gaps: this.#gaps,
      reconnects: this.#reconnects,
      open: this.#streams.filter(({ open }) => open).length,
    }
    this.#gaps = 0
    this.#reconnects = 0
    return taken
  }

  #follow(stream, gate, token) {
    const query = stream.since === undefined ? '' : `?since=${stream.since}`
    const again = () => {
      if (stream.open) this.#reconnects += 1
      stream.open = false
      setTimeout(() => this.#follow(stream, gate, token), 100 + 400 * Math.random())
    }
    const asked = request(
      `${gate}/connection/sse${query}`,
      { headers: { authorization: `Bearer ${token}` }, agent: false },
      (answer) => {
        if (answer.statusCode !== 200) {
          answer.resume()
          return again()
        }
        stream.open = true
        let rest = ''
        answer.setEncoding('utf8').on('data', (part) => {
          const events = `${rest}${part}`.split('\n\n')
          rest = events.pop()
          for (const event of events) this.#event(stream, event)
        })
        answer.on('close', again)
      },
    )
    asked.on('error', again).end()
  }

  #event(stream, text) {
    const fields = Object.fromEntries(
      text
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    )
    if (fields.id) stream.since = fields.id
    if (fields.event === 'gap') this.#gaps += 1
    if (fields.event === 'message') stream.seen.add(JSON.parse(fields.data).id)
  }
}
