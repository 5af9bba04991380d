import type { FeedReply } from './batch-assembler.ts'

/** Limits of one part, which is applied in one turn of the event loop, in about 3 ms. A larger document is a part by itself. */
const maxEvents = 128
const maxBytes = 256 * 1024

/** Splits a reply with many events, so that none of them blocks the process. */
export function* partsOf(reply: FeedReply): Generator<FeedReply> {
  const { events } = reply
  let start = 0
  let bytes = 0
  for (const [index, event] of events.entries()) {
    if (index > start && (index - start >= maxEvents || bytes + event.length > maxBytes)) {
      yield { ...reply, events: events.slice(start, index), more: true }
      start = index
      bytes = 0
    }
    bytes += event.length
  }
  yield start === 0 ? reply : { ...reply, events: events.slice(start) }
}
