import { text } from '@freshet/kit'
import type { Default, Option, Parsed } from '@freshet/kit'
import { internalDatabase } from '@freshet/roles'

/** https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions */
const maxBytes = 63
const forbidden = /[/\\. "$*<>:|?\0]/
const ofTheServer: ReadonlySet<string> = new Set(['admin', 'config', 'local'])

/** `--database`: looked at before anything is started, since the server refuses a wrong one when half is made. */
export function databaseName<const F extends Default<string>>(fallback: F): Option<Parsed<string, F>> {
  const option = text('database', fallback, 'The name of the application database.')
  // The writer's own database has a longer name.
  const room = maxBytes - Buffer.byteLength(internalDatabase(''))
  const expected = `a name of 1 to ${room} bytes without / \\ . " $ * < > : | ? and spaces, and none of the server's own`
  return {
    ...option,
    parse: (given) => {
      const good = !forbidden.test(given) && !ofTheServer.has(given) && Buffer.byteLength(given) <= room
      return good ? option.parse(given) : { expected }
    },
  }
}
