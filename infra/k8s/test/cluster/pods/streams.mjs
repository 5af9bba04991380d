/** Clients of event streams, all of one user. Each comes back with its position and must receive every message that was acknowledged. */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** The server pings every 25 s. A connection that is silent for longer leads to a node that is gone, and is replaced. */
const silentMs = 35_000

/** A message that has not arrived after this time is missing. */
const patienceMs = 60_000

export class EventStreams {
  #streams
  #expected = new Map()
  #gaps = 0
  #reconnects = 0

  constructor({ gate, token, count }) {
    this.#streams = Array.from({ length: count }, () => ({ seen: new Set(), since: undefined, open: false }))
    for (const stream of this.#streams) this.#follow(stream, gate, token)
  }

  /** Every stream must receive this message, once all of them have been connected. */
  expect(id) {
    if (this.#streams.some(({ since }) => since === undefined)) return
    this.#expected.set(id, performance.now())
  }

  /** Counts since the last call, when all messages until now have arrived or are missing: `missing` counts each stream. */
  async take() {
    let [delivered, missing] = [0, 0]
    const until = Array.from(this.#expected)
    for (const [id, atMs] of until) {
      const without = () => this.#streams.filter(({ seen }) => !seen.has(id)).length
      while (without() > 0 && performance.now() - atMs < patienceMs) await sleep(100)
      missing += without()
      delivered += this.#streams.length - without()
      this.#expected.delete(id)
      for (const { seen } of this.#streams) seen.delete(id)
    }
    const taken = { ...this.now(), delivered, missing }
    this.#gaps = 0
    this.#reconnects = 0
    return taken
  }

  now() {
    const open = this.#streams.filter((stream) => stream.open).length
    return { delivered: 0, missing: 0, gaps: this.#gaps, reconnects: this.#reconnects, open }
  }

  #follow(stream, gate, token) {
    const query = stream.since === undefined ? '' : `?since=${stream.since}`
    let left = false
    const again = () => {
      if (left) return
      left = true
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
        answer.on('error', again)
      },
    )
    asked.setTimeout(silentMs, () => asked.destroy())
    asked.on('close', again)
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
