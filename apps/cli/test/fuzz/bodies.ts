import type { JsonObject } from '@freshet/documents'
import type { SeededRandom } from '@freshet/testkit'
import type { Slot } from './model.ts'

/** A body with one fault, and the problem code it must cause. */
export type BadBody = readonly [body: string | Buffer, code: string]

/** A valid document with an additional first member, as text: JavaScript could not represent some of them. */
function withMember(document: JsonObject, member: string): string {
  const text = JSON.stringify(document)
  return text === '{}' ? `{${member}}` : `{${member},${text.slice(1)}`
}

const members: readonly (readonly [member: string, code: string])[] = [
  ['"twice":1,"twice":2', 'duplicate-key'],
  ['"in":{"twice":1,"twice":2}', 'duplicate-key'],
  ['"$set":1', 'forbidden-name'],
  ['"in":[{"a.b":1}]', 'forbidden-name'],
  ['"__proto__":{}', 'forbidden-name'],
  [String.raw`"constructor":1`, 'forbidden-name'],
  [String.raw`"nul\u0000":1`, 'forbidden-name'],
  ['"n":9007199254740993', 'inexact-number'],
  ['"n":1e400', 'inexact-number'],
  [`"n":${'['.repeat(64)}${']'.repeat(64)}`, 'malformed-body'],
  [`"in":{${Array.from({ length: 1_001 }, (_, n) => `"k${n}":0`).join()}}`, 'malformed-body'],
  [String.raw`"half":"\ud800"`, 'bad-text'],
  ['"n":01', 'malformed-body'],
  ['"n":NaN', 'malformed-body'],
  ["'n':1", 'malformed-body'],
]

/** Bodies that are not a document of any collection. */
export function badBody(random: SeededRandom, document: JsonObject): BadBody {
  const text = JSON.stringify(document)
  const [member, code] = random.pick(members)
  return random.pick<BadBody>([
    [withMember(document, member), code],
    [withMember(document, member), code],
    [text.slice(0, -1), 'malformed-body'],
    [`${text}x`, 'malformed-body'],
    ['', 'malformed-body'],
    ['[]', 'malformed-body'],
    ['null', 'malformed-body'],
    [Buffer.concat([Buffer.from('{"t":"'), Buffer.from([0xff]), Buffer.from('"}')]), 'bad-text'],
  ])
}

/** JSON documents that violate the schema; `undefined` if the schema accepts everything. */
export function unfitDocument(
  random: SeededRandom,
  { of: { schema } }: Slot,
  document: JsonObject,
): JsonObject | undefined {
  const { properties, required = [], additionalProperties } = schema
  if (properties === undefined) return undefined
  const needed = required.filter((name) => name !== 'id')
  const { [random.pick(needed)]: _, ...without } = document
  return random.pick([
    without,
    { ...document, [random.pick(needed)]: { of: 'another type' } },
    { ...document, [random.pick(needed)]: null },
    ...(additionalProperties === false ? [{ ...document, more: 1 }] : []),
  ])
}
