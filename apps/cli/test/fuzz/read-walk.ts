import { isDeepStrictEqual } from 'node:util'
import { problems, type ProblemCode } from '@freshet/protocol'
import { codeOf, faultsOf } from './contract.ts'
import type { Got } from '../support/answer.ts'
import type { RawClient, Sent } from '../support/raw-client.ts'
import { shows, type Pools } from './model.ts'
import { goodRead, nearlyGoodRead, type ReadMaker, type Reading } from './reads.ts'
import { wildRequest } from './wild.ts'
import { says, tells } from './write-walk.ts'

/** Dependencies of a read client. */
export interface ReadWalkParts extends Omit<ReadMaker, 'position'> {
  readonly pools: Pools
  readonly reader: RawClient
  /** Receives faults. */
  readonly report: (fault: string) => void
}

/** A client that reads documents which no longer change, so it knows every answer. */
export class ReadWalk {
  readonly #parts: ReadWalkParts
  /** Number of answers by problem code or status. */
  readonly outcomes = new Map<string, number>()
  #position = ''
  #sent = 0

  constructor(parts: ReadWalkParts) {
    this.#parts = parts
  }

  /** Number of requests sent. */
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
    if (!right) this.#parts.report(`${says(sent)} should return ${JSON.stringify(wanted)}, got ${text}`)
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

  /** P3: the position of one reader never decreases. */
  #expectForwards(sent: Sent, { headers }: Got): void {
    const position = headers['freshet-position']
    if (typeof position !== 'string') return
    if (position < this.#position) this.#parts.report(`${says(sent)}: ${position} behind ${this.#position}`)
    this.#position = position
  }
}

/** The status of a problem: a response to HEAD has no body with a code. */
function statusOf(code: string): string | undefined {
  return code in problems ? String(problems[code as ProblemCode].status) : undefined
}
