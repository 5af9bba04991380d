import type { IdType } from '@freshet/protocol'
import { BSONSymbol, Decimal128, Double, Int32, Long } from 'bson'
import type { Random } from '../random.ts'

/** What other programs may store as `_id`. */
export type ForeignId = string | number | Int32 | Long | Double | Decimal128 | BSONSymbol

const strings: readonly ((id: string) => ForeignId)[] = [(id) => id, (id) => id, (id) => new BSONSymbol(id)]

const integers: readonly ((id: string) => ForeignId)[] = [
  (id) => new Int32(Number(id)),
  (id) => Long.fromString(id),
  (id) => new Double(Number(id)),
  (id) => new Double(id === '0' ? -0 : Number(id)),
  (id) => Decimal128.fromString(id),
  (id) => Decimal128.fromString(`${id}.000`),
  (id) => Decimal128.fromString(`${id}0E-1`),
]

/** One of the values that the server considers equal for this id. */
export function foreignId(idType: IdType, id: string, random: Random): ForeignId {
  return random.pick(idType === 'integer' ? integers : strings)(id)
}

/** The id of a document from the driver's decoded `_id`, independent of the product's code. */
export function textOfId(stored: unknown): string {
  return typeof stored === 'string' ? stored : String(Number(String(stored)) + 0)
}
