import { documentJson, holdsDocuments, onOneLine, type Column, type Field } from '@freshet/postgres-rules'

/** JSON of a non-null value in PostgreSQL's text form. */
type ToJson = (text: string) => string

const text: ToJson = (value) => JSON.stringify(value)
const verbatim: ToJson = (value) => value

/** `NaN` and the infinities are no JSON numbers. */
const float: ToJson = (value) => (/^-?\d/.test(value) ? value : text(value))
const bigint: ToJson = (value) => (Number.isSafeInteger(Number(value)) ? value : text(value))
const boolean: ToJson = (value) => (value === 't' ? 'true' : 'false')
const bytea: ToJson = (value) => text(Buffer.from(value.slice(2), 'hex').toString('base64'))

/** Other forms, such as `infinity` and years before Christ, are kept as they are. */
const timestamp: ToJson = (value) =>
  text(
    value.replace(
      /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:(\+00)|)$/,
      (_, date, time, zone) => `${String(date)}T${String(time)}${zone === undefined ? '' : 'Z'}`,
    ),
  )

/** The first OID of types that a database defines itself (`FirstNormalObjectId`). */
const FIRST_OWN_TYPE = 16_384

/** By the OID of the type. Those of built-in types never change (`pg_type.dat`). All other types are their text. */
const scalars: ReadonlyMap<number, ToJson> = new Map([
  [16, boolean],
  [17, bytea],
  [20, bigint],
  [21, verbatim],
  [23, verbatim],
  [26, verbatim],
  [114, onOneLine],
  [700, float],
  [701, float],
  [1114, timestamp],
  [1184, timestamp],
  [3802, verbatim],
])

/** The element types of arrays. Those of other types are their text, such as `{a,b}`. */
const elements: ReadonlyMap<number, ToJson> = new Map(
  (
    [
      [1000, 16],
      [1001, 17],
      [1002, 18],
      [1005, 21],
      [1007, 23],
      [1009, 25],
      [1014, 1042],
      [1015, 1043],
      [1016, 20],
      [1021, 700],
      [1022, 701],
      [1028, 26],
      [1115, 1114],
      [1182, 1082],
      [1183, 1083],
      [1185, 1184],
      [1231, 1700],
      [199, 114],
      [2951, 2950],
      [3807, 3802],
    ] as const
  ).map(([array, element]) => [array, scalars.get(element) ?? text]),
)

function toJsonOf(type: number): ToJson {
  const element = elements.get(type)
  return element === undefined ? (scalars.get(type) ?? text) : (value) => arrayJson(value, element)
}

/** JSON of an array in PostgreSQL's text form. One with explicit lower bounds, such as `[0:1]={a,b}`, is its text. */
function arrayJson(value: string, element: ToJson): string {
  if (!value.startsWith('{')) return text(value)
  let json = ''
  for (let at = 0; at < value.length;) {
    const char = value[at]
    if (char === '{' || char === '}' || char === ',') {
      json += char === '{' ? '[' : char === '}' ? ']' : ','
      at += 1
    } else if (char === '"') {
      const end = endOfQuoted(value, at)
      json += element(value.slice(at + 1, end).replaceAll(/\\(.)/gs, '$1'))
      at = end + 1
    } else {
      let end = at
      while (end < value.length && value[end] !== ',' && value[end] !== '}') end += 1
      const item = value.slice(at, end)
      json += item === 'NULL' ? 'null' : element(item)
      at = end
    }
  }
  return json
}

function endOfQuoted(value: string, from: number): number {
  let at = from + 1
  while (value[at] !== '"') at += value[at] === '\\' ? 2 : 1
  return at
}

/**
 * The one mapping of rows to documents, for the feed and for reads, so that both give the same bytes: a JSON object with the
 * columns in their order, or the document of a table of documents. README.md has the table of types.
 */
export class RowMapping {
  readonly #columns: readonly (readonly [prefix: string, toJson: ToJson])[]
  readonly #ofDocuments: boolean
  /** Whether a value may be of a type that the database defines, so that another definition prints it otherwise. */
  readonly ofOwnTypes: boolean

  constructor(columns: readonly Column[]) {
    this.ofOwnTypes = columns.some(({ type }) => type >= FIRST_OWN_TYPE)
    this.#ofDocuments = holdsDocuments(columns)
    this.#columns = columns.map(({ name, type }, index) => [
      `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`,
      toJsonOf(type),
    ])
  }

  /** The document of a row; `undefined` if a value was not sent. @param from the index of the first column in `row`. */
  document(row: readonly Field[], from = 0): Buffer | undefined {
    if (this.#ofDocuments) return documentOf(row[from], row[from + 1])
    let json = ''
    let at = from
    for (const [prefix, toJson] of this.#columns) {
      const field = row[at]
      at += 1
      if (field === undefined) return undefined
      json += prefix + (field === null ? 'null' : toJson(field))
    }
    return Buffer.from(`${json}}`)
  }
}

/** A row of a table of documents; `undefined` if the document was not sent. A key is never NULL. */
function documentOf(id: Field, document: Field): Buffer | undefined {
  if (document === undefined) return undefined
  return Buffer.from(documentJson(id ?? '', document ?? 'null'))
}
