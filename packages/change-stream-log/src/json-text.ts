import { endOfJsonString, replaceJsonTokens } from '@freshet/protocol'

/** A string, an integer of sixteen digits or more, or white space. Digits of a fraction or an exponent are no integer. */
const tokens = /"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])|[ \t\r\n]+/g

/**
 * The bytes of a document from its JSON text, which are kept as they are, except that white space between values is removed
 * and integers beyond 2^53 become strings: parsers would round them.
 */
export function documentOf(json: string): Buffer {
  return Buffer.from(
    replaceJsonTokens(json, tokens, (token) => {
      if (token.startsWith('"')) return token
      if (token.trim() === '') return ''
      return Number.isSafeInteger(Number(token)) ? token : `"${token}"`
    }),
  )
}

/** A string, a bracket, a comma or a colon. */
const structure = /["[\]{},:]/g

/** The text of each member of a valid JSON object, untouched; `undefined` if the text is no object. */
export function membersOf(json: string): ReadonlyMap<string, string> | undefined {
  if (!json.trimStart().startsWith('{')) return undefined
  const members = new Map<string, string>()
  let depth = 0
  let name: string | undefined
  let from = 0
  structure.lastIndex = 0
  for (let match = structure.exec(json); match; match = structure.exec(json)) {
    const end = match[0] === '"' ? endOfJsonString(json, match.index) : structure.lastIndex
    structure.lastIndex = end
    const [token] = match
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
    if (depth === 1 && name === undefined && token === '"')
      name = String(JSON.parse(json.slice(match.index, end)))
    else if (depth === 1 && token === ':') from = end
    else if (name !== undefined && ((depth === 1 && token === ',') || depth === 0)) {
      members.set(name, json.slice(from, match.index).trim())
      name = undefined
    }
  }
  return members
}
