import { mongodbRemedies } from './mongodb.ts'

/** What Debezium writes for a value that the database did not log. */
const placeholder = '__debezium_unavailable_value'
const bytes = Buffer.from(placeholder)

/** By the type of the column, as JSON: text, bytes, integers, UUIDs (that of the placeholder's hash), and hstore. */
const forms: readonly string[] = [
  placeholder,
  bytes.toString('base64'),
  bytes.toString('hex'),
  [...bytes],
  'b68a35a7-17ad-35b3-af2a-ae46edb4545a',
  JSON.stringify({ [placeholder]: placeholder }),
].map((form) => JSON.stringify(form))

/** Whether a value of a row was not logged. Each form is a value or a part of one: an element, or a member. */
export function lacksValueIn(row: string): boolean {
  return forms.some((form) => row.includes(form))
}

/** What to change if a value of a row was not logged. */
export function unavailableRemedy(connector: string, table: string): string {
  return connector === 'mongodb'
    ? `${mongodbRemedies.postImages} Then update the document.`
    : `Run ALTER TABLE ${table} REPLICA IDENTITY FULL, and update the row.`
}
