import { ProblemError } from './problem.ts'
import { isId } from './source.ts'

/**
 * Parses a raw query (without `?`) and decodes its parameters once; `+` is a space, as in browsers.
 * @throws {ProblemError} `bad-url`: a broken percent-encoding or a duplicate parameter.
 */
export function readQuery(query: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    if (parameters.has(name))
      throw new ProblemError('bad-url', { detail: `The parameter ${quote(name)} is given twice.` })
    parameters.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
  }
  return parameters
}

/**
 * Parses the ids of `?ids=a,b,c`, in order and with duplicates.
 * @throws {ProblemError} `bad-id`: an invalid id. `bad-query`: no id, or more than `maxIds`.
 */
export function readIds(value: string, maxIds: number): readonly string[] {
  const ids = value === '' ? [] : value.split(',')
  if (ids.length === 0)
    throw new ProblemError('bad-query', {
      detail: `Expected ?ids=a,b with 1 to ${maxIds} ids. There is no list of all documents.`,
    })
  if (ids.length > maxIds)
    throw new ProblemError('bad-query', { detail: `Expected 1 to ${maxIds} ids, got ${ids.length}.` })
  const bad = ids.find((id) => !isId(id))
  if (bad !== undefined) throw new ProblemError('bad-id', { detail: `${quote(bad)} in ids is not an id.` })
  return ids
}

/** Quotes foreign text in a sentence: shortened, and with control characters escaped. */
function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch (cause) {
    throw new ProblemError('bad-url', { detail: 'The query has a broken percent-encoding.', cause })
  }
}
