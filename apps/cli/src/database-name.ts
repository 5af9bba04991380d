import { text } from '@freshet/kit'
import type { Default, Option, Parsed } from '@freshet/kit'
import { publicationName } from '@freshet/postgres-rules'
import { internalDatabase } from '@freshet/roles'

/** https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions */
const maxBytes = 63
const forbidden = /[/\\. "$*<>:|?\0]/
const serverDatabases: ReadonlySet<string> = new Set(['admin', 'config', 'local'])

/** `--database`. Validated before anything starts: the server would refuse an invalid name halfway through. */
export function databaseName<const F extends Default<string>>(fallback: F): Option<Parsed<string, F>> {
  const option = text('database', fallback, 'The name of the application database.')
  // The internal database has a longer name.
  const maxNameBytes = maxBytes - Buffer.byteLength(internalDatabase(''))
  const expected = `a name of 1 to ${maxNameBytes} bytes without / \\ . " $ * < > : | ? or spaces, and not admin, config or local`
  return {
    ...option,
    parse: (value) => {
      const good =
        !forbidden.test(value) && !serverDatabases.has(value) && Buffer.byteLength(value) <= maxNameBytes
      return good ? option.parse(value) : { expected }
    },
  }
}

/** `--publication`. */
export const publication = (): Option<Parsed<string, string>> =>
  text('publication', publicationName, 'The PostgreSQL publication with the tables of all collections.')
