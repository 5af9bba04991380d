/** Without GTIDs: Debezium repeats transactions since the last place that it has stored, seconds, and not this many. */
const MAX_IDS = 100_000

/** Of MySQL, with or without a tag, or of MariaDB: whose it is, and its number. */
const gtid = /^([\da-f-]{36}:(?:\w+:)?|\d+-\d+-)(\d+)$/

/** The numbers from `first` to `last`. */
interface Range {
  first: number
  last: number
}

/** The ids of transactions that were applied. GTIDs are numbered, so that all of them are kept as few ranges. */
export class AppliedIds {
  /** Oldest first. */
  readonly #ids = new Set<string>()
  /** By whose they are: in order, and apart from each other. */
  readonly #ranges = new Map<string, Range[]>()
  #forgot = false

  /** Whether `has` does not know all that were added. */
  get forgot(): boolean {
    return this.#forgot
  }

  has(id: string): boolean {
    const [, scope, digits] = gtid.exec(id) ?? []
    if (scope === undefined) return this.#ids.has(id)
    const number = Number(digits)
    const range = this.#ranges.get(scope)?.findLast(({ first }) => first <= number)
    return range !== undefined && number <= range.last
  }

  add(id: string): void {
    const [, scope, digits] = gtid.exec(id) ?? []
    if (scope === undefined) return this.#addId(id)
    const ranges = this.#ranges.get(scope) ?? []
    this.#ranges.set(scope, ranges)
    if (!this.has(id)) addNumber(ranges, Number(digits))
  }

  clear(): void {
    this.#ids.clear()
    this.#ranges.clear()
  }

  #addId(id: string): void {
    this.#ids.delete(id)
    this.#ids.add(id)
    const [oldest] = this.#ids
    if (this.#ids.size <= MAX_IDS || oldest === undefined) return
    this.#ids.delete(oldest)
    this.#forgot = true
  }
}

/** Numbers come mostly in order, so what is looked for is near the end. A gap remains where a table was created or changed. */
function addNumber(ranges: Range[], number: number): void {
  const at = ranges.findLastIndex(({ first }) => first < number)
  const [before, after] = [ranges[at], ranges[at + 1]]
  const joinsBefore = before !== undefined && before.last === number - 1
  const joinsAfter = after !== undefined && after.first === number + 1
  if (joinsBefore) before.last = joinsAfter ? after.last : number
  else if (joinsAfter) after.first = number
  else ranges.splice(at + 1, 0, { first: number, last: number })
  if (joinsBefore && joinsAfter) ranges.splice(at + 1, 1)
  if (ranges.length > MAX_IDS) ranges.shift()
}
