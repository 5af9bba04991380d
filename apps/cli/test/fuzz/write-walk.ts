import type { SeededRandom } from '@freshet/testkit'
import { codeOf, faultsOf } from './contract.ts'
import { nearlyGoodWrite } from './faults.ts'
import type { Got } from '../support/answer.ts'
import type { RawClient, Sent } from '../support/raw-client.ts'
import { shows, type Pools, type Slot } from './model.ts'
import { wildRequest } from './wild.ts'
import { goodWrite, type Attempt, type Maker } from './writes.ts'

/** Dependencies of a write client. */
export interface WriteWalkParts {
  readonly random: SeededRandom
  readonly pools: Pools
  readonly authorization: string
  readonly writer: RawClient
  readonly reader: RawClient
  /** Documents that only this client writes. */
  readonly own: readonly Slot[]
  readonly shared: readonly Slot[]
  /** Receives faults. */
  readonly report: (fault: string) => void
}

/**
 * A client that writes documents and reads them back. Its own documents are written by no other client, so it knows
 * their state.
 */
export class WriteWalk {
  readonly #parts: WriteWalkParts
  readonly #maker: Maker
  /** Number of answers by problem code or status. */
  readonly outcomes = new Map<string, number>()
  #sent = 0

  constructor(parts: WriteWalkParts) {
    this.#parts = parts
    this.#maker = parts
  }

  /** Number of requests sent to the writer. */
  get sent(): number {
    return this.#sent
  }

  async step(): Promise<void> {
    const { random, own, shared, pools, authorization } = this.#parts
    const kind = random.below(100)
    if (kind < 45) return await this.#attempt(random.pick(own), goodWrite)
    if (kind < 85) return await this.#attempt(random.pick(own), nearlyGoodWrite)
    if (kind < 90) return await this.#contend(random.pick(shared))
    const slot = random.pick(shared)
    await this.#send(wildRequest(random, pools, slot, authorization), undefined)
  }

  async #attempt(slot: Slot, make: (maker: Maker, slot: Slot) => Attempt): Promise<void> {
    const attempt = make(this.#maker, slot)
    const { sent, wanted, leaves } = attempt
    const got = await this.#send(sent, wanted)
    if (got === undefined || got.status >= 300 || leaves === 'same') return
    await this.#repeat(sent, got)
    const location = got.headers.location ?? slot.path
    const of = attempt.makesId
      ? { ...slot, id: decodeURIComponent(location.slice(location.lastIndexOf('/') + 1)) }
      : slot
    const etag = got.headers.etag
    of.stored =
      leaves === 'none' || leaves === 'unknown' || etag === undefined ? undefined : { etag, json: leaves }
    if (got.text !== '' && of.stored && !shows(got.text, of.id, of.stored.json))
      this.#parts.report(`${says(sent)} should store ${JSON.stringify(of.stored.json)}, got ${tells(got)}`)
    await this.#readBack(of, attempt.makesId ? location : slot.path, got)
  }

  /** Writes a document that several clients write: the result is unknown but must follow the contract. */
  async #contend(slot: Slot): Promise<void> {
    const { sent } = goodWrite(this.#maker, { ...slot, stored: undefined })
    const got = await this.#send(sent, undefined)
    if (got && got.status < 300 && sent.method !== 'OPTIONS' && sent.method !== 'POST')
      await this.#readBack(slot, slot.path, got)
  }

  /** A reused key replays the same answer, and only for the same request. */
  async #repeat(sent: Sent, first: Got): Promise<void> {
    const { random, report } = this.#parts
    if (sent.headers['idempotency-key'] === undefined || random.below(3) > 0) return
    if (random.below(3) === 0) {
      await this.#send({ ...sent, method: sent.method === 'PUT' ? 'DELETE' : 'PUT' }, ANOTHER)
      return
    }
    const again = await this.#send(sent, [String(first.status)])
    if (again === undefined) return
    const same = (['etag', 'location', 'content-type'] as const).every(
      (name) => again.headers[name] === first.headers[name],
    )
    if (!same || again.text !== first.text || again.headers['idempotency-replayed'] !== 'true')
      report(`${says(sent)} should replay ${tells(first)}, got ${tells(again)}`)
  }

  /** Readers must show a write from its position on, and what they show must match the schema. */
  async #readBack({ of, id, stored, shared }: Slot, path: string, { headers }: Got): Promise<void> {
    const { reader, report, authorization } = this.#parts
    const position = String(headers['freshet-position'])
    const sent = {
      method: 'GET',
      path,
      headers: { authorization, 'freshet-at-least': position, prefer: 'wait=30' },
    }
    const got = await reader.send(sent)
    for (const fault of faultsOf('reader', sent, got)) report(`${says(sent)}: ${fault}: ${tells(got)}`)
    if (String(got.headers['freshet-position']) < position)
      report(`${says(sent)} returned an older position than requested: ${tells(got)}`)
    if (got.status === 200) {
      const issues = of.collection.validate(JSON.parse(got.text))
      if (issues.length > 0) report(`${path} violates the schema: ${JSON.stringify(issues)} ${got.text}`)
    }
    if (shared) return
    const right = stored
      ? got.status === 200 && got.headers.etag === stored.etag && shows(got.text, id, stored.json)
      : got.status === 404
    if (!right) report(`${says(sent)} should return ${JSON.stringify(stored ?? 'none')}, got ${tells(got)}`)
  }

  async #send(sent: Sent, wanted: readonly string[] | undefined): Promise<Got | undefined> {
    const { writer, report } = this.#parts
    this.#sent += 1
    for (let refused = 0; ; refused += 1) {
      let got: Got
      try {
        got = await writer.send(sent)
      } catch (error) {
        report(`${says(sent)}: ${String(error)}`)
        return undefined
      }
      const outcome = codeOf(got) || String(got.status)
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
      for (const fault of faultsOf('writer', sent, got)) report(`${says(sent)}: ${fault}: ${tells(got)}`)
      if (wanted === undefined || wanted.includes(outcome)) return got
      if (outcome !== 'unavailable' || refused === REFUSALS) {
        report(`${says(sent)}: wanted ${wanted.join(' or ')}, got ${tells(got)}`)
        return got
      }
    }
  }
}

/** How often in a row a busy writer may refuse a request before it has written anything. */
const REFUSALS = 5

/**
 * Possible answers to another method with the same path and key: 405 if the path does not accept it, otherwise a
 * different request.
 */
const ANOTHER = ['idempotency-mismatch', 'method-not-allowed', 'unsupported-media-type', 'malformed-body']

/** The complete request, for reproduction. */
export function says({ method, path, headers, body }: Sent): string {
  const text = Buffer.isBuffer(body) ? `${body.toString('hex')} (hexadecimal)` : (body ?? 'no body')
  return `${method} ${path} ${JSON.stringify(headers)} ${text}`
}

/** The complete answer. */
export function tells({ status, headers, text }: Got): string {
  return `${status} ${JSON.stringify(headers)} ${text}`
}
