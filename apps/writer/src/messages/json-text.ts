import { MAX_BODY_LEVELS } from '@freshet/messages'
import { ProblemError, type ProblemCode } from '@freshet/protocol'
import { isUtf8 } from 'node:buffer'

/** Deeper values break some JSON readers. The same limit as for documents. */
const MAX_LEVELS = MAX_BODY_LEVELS + 1

/** Strings, punctuation, and numbers or words; white space between them is skipped. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g

/** With the `u` flag, a pair of surrogates is one character. */
const loneSurrogate = /\p{Surrogate}/u

/** A JSON value from a client. */
export interface JsonBody {
  readonly value: unknown
  /** The texts of the root object's members, without white space between tokens; otherwise as they were sent. */
  readonly texts: ReadonlyMap<string, string>
}

/**
 * Parses a body and keeps the text of its members, because numbers would lose digits in between. The texts contain no
 * line breaks. @throws {ProblemError} malformed-body, duplicate-key, bad-text
 */
export function readJsonBody(bytes: Buffer): JsonBody {
  if (!isUtf8(bytes)) throw refused('bad-text', 'expected UTF-8')
  const text = bytes.toString('utf8')
  try {
    return { value: JSON.parse(text), texts: textsOf(text) }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw refused('malformed-body', `expected JSON: ${error.message}`)
  }
}

/** Scans valid JSON. */
function textsOf(json: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  /** The names in each open object; `undefined`: an array. */
  const open: (Set<string> | undefined)[] = []
  let member: string | undefined
  let parts: string[] = []
  /** A string that is a name if a colon follows. */
  let text = ''
  const end = (): void => {
    if (member !== undefined) texts.set(member, parts.join(''))
    member = undefined
  }
  for (const [token] of json.matchAll(tokens)) {
    const level = open.length
    if (token === ':') {
      const name: string = JSON.parse(text)
      const names = open.at(-1)
      if (names?.has(name)) throw refused('duplicate-key', 'expected each key once')
      names?.add(name)
      if (level === 1) {
        member = name
        parts = []
        continue
      }
    } else if (token === '{' || token === '[') {
      if (level === MAX_LEVELS) throw refused('malformed-body', `expected at most ${MAX_LEVELS} levels`)
      open.push(token === '{' ? new Set() : undefined)
    } else if (token === '}' || token === ']') {
      if (level === 1) end()
      open.pop()
    } else if (token === ',') {
      if (level === 1) {
        end()
        continue
      }
    } else if (token.startsWith('"')) {
      text = token
      if (token.includes('\\u') && loneSurrogate.test(JSON.parse(token)))
        throw refused('bad-text', 'expected Unicode text, got a lone surrogate')
    }
    parts.push(token)
  }
  return texts
}

function refused(code: ProblemCode, detail: string): ProblemError {
  return new ProblemError(code, { errors: [{ pointer: '', detail }] })
}
