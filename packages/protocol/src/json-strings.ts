/**
 * The index behind a string in a JSON text. Not by a regular expression: one for strings overflows the stack of Node.js from about
 * 8 MB on.
 * @param from the index of its first quotation mark.
 */
export function endOfJsonString(json: string, from: number): number {
  for (let at = json.indexOf('"', from + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let slashes = 0
    while (json[at - 1 - slashes] === '\\') slashes += 1
    if (slashes % 2 === 0) return at + 1
  }
  return json.length
}

/**
 * Replaces tokens in a JSON text.
 * @param tokens finds them, and quotation marks; has the flag `g`. Each string is one token.
 */
export function replaceJsonTokens(
  json: string,
  tokens: RegExp,
  replace: (token: string, end: number) => string,
): string {
  let replaced = ''
  let from = 0
  tokens.lastIndex = 0
  for (let match = tokens.exec(json); match; match = tokens.exec(json)) {
    const end = match[0] === '"' ? endOfJsonString(json, match.index) : tokens.lastIndex
    const token = json.slice(match.index, end)
    const other = replace(token, end)
    if (other !== token) {
      replaced += json.slice(from, match.index) + other
      from = end
    }
    tokens.lastIndex = end
  }
  return replaced + json.slice(from)
}
