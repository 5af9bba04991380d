import type { Id } from '@freshet/protocol'
import type { Column } from './catalog.ts'

/** The OID of the type `json`, which keeps the text of a document. */
const JSON_OID = 114

/** The columns of a table of documents, in their order. */
export const documentColumns = { id: 'id', document: 'document' } as const

/** Whether a table has exactly the columns of a table of documents, so that its rows are shown as documents. */
export function holdsDocuments(columns: readonly Column[]): boolean {
  const [id, document, ...others] = columns
  return (
    id?.name === documentColumns.id &&
    document?.name === documentColumns.document &&
    document.type === JSON_OID &&
    others.length === 0
  )
}

/** Line breaks and tabs are only possible between the tokens of JSON. */
export const onOneLine = (json: string): string =>
  /[\n\r\t]/.test(json) ? json.replaceAll(/[\n\r\t]/g, ' ') : json

/**
 * The JSON of a row of documents: its id first, then the members of its document. A document that is no object, or has an `id`
 * of its own, cannot be shown this way: it is a member of its own name.
 */
export function documentJson(id: Id, text: string): string {
  const body = onOneLine(text).trim()
  const head = `{"${documentColumns.id}":${JSON.stringify(id)}`
  if (!body.startsWith('{') || hasId(body)) return `${head},"${documentColumns.document}":${body}}`
  const members = body.slice(1).trimStart()
  return members === '}' ? `${head}}` : `${head},${members}`
}

/** The document of the JSON that `documentJson` made of a row whose document has no `id`. */
export function documentTextOf(id: Id, json: string): string {
  const rest = json.slice(`{"${documentColumns.id}":${JSON.stringify(id)}`.length)
  return rest === '}' ? '{}' : `{${rest.slice(1)}`
}

function hasId(body: string): boolean {
  // Names may be written with escapes.
  if (!body.includes('"id"') && !body.includes('\\u')) return false
  const value: unknown = JSON.parse(body)
  return typeof value === 'object' && value !== null && Object.hasOwn(value, documentColumns.id)
}
