interface Range {
  readonly type: string
  readonly weight: number
}

/**
 * The offered media type that the `Accept` header likes best (RFC 9110, 12.5.1), the first one among equals;
 * `undefined` when it accepts none. Without a header everything is accepted. Malformed elements are ignored.
 * `offered` are lower-case types without parameters.
 */
export function chooseType(header: string | undefined, offered: readonly string[]): string | undefined {
  if (header === undefined || header.trim() === '' || header === '*/*') return offered[0]
  const ranges = header.split(',').flatMap(readRange)
  let best: string | undefined
  let bestWeight = 0
  for (const type of offered) {
    const weight = weightOf(type, ranges)
    if (weight > bestWeight) [best, bestWeight] = [type, weight]
  }
  return best
}

function readRange(text: string): Range[] {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  if (!/^[^\s/]+\/[^\s/]+$/.test(type)) return []
  const q = parameters.find((parameter) => parameter.startsWith('q='))
  if (q === undefined) return [{ type, weight: 1 }]
  return /^q=(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(q) ? [{ type, weight: Number(q.slice(2)) }] : []
}

/** The most specific range decides, whatever its weight. */
function weightOf(type: string, ranges: readonly Range[]): number {
  const group = `${type.slice(0, type.indexOf('/'))}/*`
  for (const wanted of [type, group, '*/*']) {
    const found = ranges.filter((range) => range.type === wanted)
    if (found.length > 0) return Math.max(...found.map((range) => range.weight))
  }
  return 0
}
