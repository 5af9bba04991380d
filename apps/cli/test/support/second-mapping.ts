import { BSON } from 'mongodb'

/**
 * The JSON of a stored document according to the table "Stored values in JSON" in `docs/collections.md` and the
 * driver's canonical Extended JSON. Uses no product code.
 */
export function secondMapping(document: BSON.Document): unknown {
  const { _id, ...fields } = document
  const names = Object.entries(fields).map(([name, value]) => [renamed(name), value] as const)
  const canonical: unknown = BSON.EJSON.serialize(Object.fromEntries(names), { relaxed: false })
  return { id: String(_id), ...Object(mapped(canonical)) }
}

/** At the top level, `id` is the document's id, so a stored field of that name is renamed. */
const renamed = (name: string): string => (/^\$*id$/.test(name) ? `$${name}` : name)

/** Types with one member in Extended JSON and a plain form in our JSON. */
const plain: Readonly<Record<string, (value: unknown) => unknown>> = {
  $numberInt: Number,
  $numberDouble: (value) => (Number.isFinite(Number(value)) ? Number(value) : value),
  $numberLong: (value) => (Math.abs(Number(value)) <= 2 ** 53 && isExact(value) ? Number(value) : value),
  $numberDecimal: (value) => value,
  $oid: (value) => value,
  $date: (value) => dateText(Number(Reflect.get(Object(value), '$numberLong'))),
  $binary: (value) => binaryText(Object(value)),
}

const isExact = (value: unknown): boolean => String(Number(value)) === value

function dateText(sinceMs: number): string {
  const year = new Date(sinceMs).getUTCFullYear()
  return year >= 0 && year <= 9_999 ? new Date(sinceMs).toISOString() : String(sinceMs)
}

function binaryText({ base64, subType }: { base64: string; subType: string }): string {
  if (subType !== '04') return base64
  const hex = Buffer.from(base64, 'base64').toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function mapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mapped)
  if (typeof value !== 'object' || value === null) return value
  const [first, ...others] = Object.entries(value)
  if (first === undefined) return {}
  const [name, inner] = first
  const make = others.length === 0 ? plain[name] : undefined
  if (make !== undefined) return make(inner)
  // These keep their Extended JSON form.
  if (['$regularExpression', '$timestamp', '$minKey', '$maxKey', '$symbol'].includes(name)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapped(one)]))
}
