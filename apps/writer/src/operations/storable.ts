import { pointerTo } from '@freshet/documents'
import { ProblemError } from '@freshet/protocol'
import { bsonSize, bsonTypes, nameEnd } from '@freshet/bson'

const DOLLAR = 0x24

/**
 * A version made of a stored document must be one that the server stores as it is when it replaces another. Only what
 * stands at the top matters: there a name that begins with `$` is refused, and the timestamp (0, 0) gets the time of the
 * write, so that neither the answer nor its tag would be those of what is stored.
 * https://www.mongodb.com/docs/manual/reference/bson-types/#timestamps
 * @throws {ProblemError} not-plain-json, with the place.
 */
export function expectStorable(stored: Uint8Array): void {
  for (let at = 4; at < stored.length - 1;) {
    const type = stored[at] ?? 0
    const nameAt = at + 1
    const stop = nameEnd(stored, nameAt)
    const end = stop + 1 + bsonSize(type, stored, stop + 1)
    if (stored[nameAt] === DOLLAR)
      throw notStorable(stored.subarray(nameAt, stop), 'has a name that MongoDB does not replace')
    if (type === bsonTypes.timestamp && stored.subarray(stop + 1, end).every((byte) => byte === 0))
      throw notStorable(stored.subarray(nameAt, stop), 'is a timestamp that MongoDB replaces by the time')
    at = end
  }
}

function notStorable(name: Uint8Array, detail: string): ProblemError {
  const pointer = pointerTo([Buffer.from(name).toString()])
  return new ProblemError('not-plain-json', { errors: [{ pointer, detail }] })
}
