import { isDeepStrictEqual } from 'node:util'
import { problems, type ProblemCode } from '@freshet/protocol'
import { codeOf, faultsOf } from './contract.ts'
import type { Got } from '../support/answer.ts'
import type { RawClient, Sent } from '../support/raw-client.ts'
import { shows, type Pools } from './model.ts'
import { goodRead, nearlyGoodRead, type ReadMaker, type Reading } from './reads.ts'
import { wildRequest } from './wild.ts'
import { says, tells } from './write-walk.ts'

/** What a client that reads works with. */
export interface ReadWalkParts extends Omit<ReadMaker, 'position'> {
  readonly pools: Pools
  readonly reader: RawClient
  /** Hears what is wrong. */
  readonly report: (fault: string) => void
}

/** One client that reads what nobody writes any more, so that it knows what must be answered. */
export class ReadWalk {
  readonly #parts: ReadWalkParts
  /** Answers, by what they were. */
  readonly outcomes = new Map<string, number>()
  #position = ''
  #sent = 0

  constructor(parts: ReadWalkParts) {
    this.#parts = parts
  }

  /** Requests so far. */
  get sent(): number {
    return this.#sent
  }

  async step(): Promise<void> {
    const { random, known, pools, authorization } = this.#parts
    const kind = random.below(100)
    if (kind >= 90) {
      await this.#send(wildRequest(random, pools, random.pick(known), authorization), undefined)
      return
    }
    if (this.#position === '') return await this.#learnPosition()
    const maker = { ...this.#parts, position: this.#position }
    const reading = kind < 60 ? goodRead(maker) : nearlyGoodRead(maker)
    const got = await this.#send(reading.sent, reading.wanted)
    if (got) this.#compare(reading, got)
  }

  async #learnPosition(): Promise<void> {
    const { known, random, authorization } = this.#parts
    const { path } = random.pick(known)
    await this.#send({ method: 'GET', path, headers: { authorization } }, undefined)
  }

  #compare({ sent, shows: wanted }: Reading, { status, headers, text }: Got): void {
    if (status !== 200 || wanted === undefined || sent.method === 'HEAD') return
    const right =
      'items' in wanted
        ? isDeepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(wanted)))
        : wanted.stored !== undefined &&
          headers.etag === wanted.stored.etag &&
          shows(text, wanted.id, wanted.stored.json)
    if (!right) this.#parts.report(`${says(sent)} wants ${JSON.stringify(wanted)} and shows ${text}`)
  }

  async #send(sent: Sent, wanted: readonly string[] | undefined): Promise<Got | undefined> {
    const { reader, report } = this.#parts
    this.#sent += 1
    let got: Got
    try {
      got = await reader.send(sent)
    } catch (error) {
      report(`${says(sent)}: ${String(error)}`)
      return undefined
    }
    const outcome = codeOf(got) || String(got.status)
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    for (const fault of faultsOf('reader', sent, got)) report(`${says(sent)}: ${fault}: ${tells(got)}`)
    if (wanted && !wanted.some((one) => one === outcome || statusOf(one) === outcome))
      report(`${says(sent)}: wanted ${wanted.join(' or ')}, got ${tells(got)}`)
    this.#expectForwards(sent, got)
    return got
  }

  /** P3: one reader never goes back. */
  #expectForwards(sent: Sent, { headers }: Got): void {
    const position = headers['freshet-position']
    if (typeof position !== 'string') return
    if (position < this.#position) this.#parts.report(`${says(sent)}: ${position} behind ${this.#position}`)
    this.#position = position
  }
}

/** Of a problem: an answer to HEAD has no body that tells its code. */
function statusOf(code: string): string | undefined {
  return code in problems ? String(problems[code as ProblemCode].status) : undefined
}
