import { isValidId, placesOf, type CollectionPlace, type Id, type IdType } from '@freshet/protocol'

/** A collection and its table. */
export interface Table {
  readonly collection: string
  readonly idType: IdType
  readonly schema: string
  readonly name: string
}

const MAX_NAME_BYTES = 63
const part = '[^".\\0]+'
const stored = new RegExp(`^(?:(${part})\\.)?(${part})$`)

/** Why PostgreSQL cannot serve a table of this name; see `StoredNameFault`. */
export function tableNameFault(name: string): string | undefined {
  const match = stored.exec(name)
  const fits = match?.slice(1).every((one) => one === undefined || Buffer.byteLength(one) <= MAX_NAME_BYTES)
  return fits
    ? undefined
    : `a table such as "orders" or "sales.orders", whose names have at most ${MAX_NAME_BYTES} bytes`
}

/** The table that a collection names. Without a schema, it is in `public`. */
export function tableAt(stored: string): Pick<Table, 'schema' | 'name'> {
  const dot = stored.indexOf('.')
  return dot === -1
    ? { schema: 'public', name: stored }
    : { schema: stored.slice(0, dot), name: stored.slice(dot + 1) }
}

/** The tables of all collections. @throws {TypeError} */
export function tablesOf(declared: ReadonlyMap<string, CollectionPlace>): ReadonlyMap<string, Table> {
  const tables = new Map<string, Table>()
  for (const [collection, { idType, stored: name }] of placesOf(declared, tableNameFault)) {
    const { schema, name: table } = tableAt(name)
    if ([...tables.values()].some((other) => other.schema === schema && other.name === table))
      throw new TypeError(`expected each table once, got '${schema}.${table}' twice`)
    tables.set(collection, { collection, idType, schema, name: table })
  }
  return tables
}

/** The id in a key column; `undefined` if the row is not part of the collection. */
export function idIn(idType: IdType, key: string | null | undefined): Id | undefined {
  return typeof key === 'string' && isValidId(idType, key) ? key : undefined
}

/** Quotes an identifier. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
