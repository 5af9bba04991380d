import type { SeededRandom } from '@freshet/testkit'
import { codeOf, faultsOf } from './contract.ts'
import { nearlyGoodWrite } from './faults.ts'
import type { Got } from '../support/answer.ts'
import type { RawClient, Sent } from '../support/raw-client.ts'
import { shows, type Pools, type Slot } from './model.ts'
import { wildRequest } from './wild.ts'
import { goodWrite, type Attempt, type Maker } from './writes.ts'

/** What a client that writes works with. */
export interface WriteWalkParts {
  readonly random: SeededRandom
  readonly pools: Pools
  readonly authorization: string
  readonly writer: RawClient
  readonly reader: RawClient
  /** Documents that only this client writes. */
  readonly own: readonly Slot[]
  readonly shared: readonly Slot[]
  /** Hears what is wrong. */
  readonly report: (fault: string) => void
}

/** One client that writes, and reads back what it has written. It alone writes its own documents, so it knows them. */
export class WriteWalk {
  readonly #parts: WriteWalkParts
  readonly #maker: Maker
  /** Answers, by what they were. */
  readonly outcomes = new Map<string, number>()
  #sent = 0

  constructor(parts: WriteWalkParts) {
    this.#parts = parts
    this.#maker = parts
  }

  /** Requests to the writer so far. */
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
      this.#parts.report(
        `${says(sent)} leaves ${JSON.stringify(of.stored.json)} and is answered with ${tells(got)}`,
      )
    await this.#readBack(of, attempt.makesId ? location : slot.path, got)
  }

  /** Several clients write this one: what comes of it is not known, but must be in the contract. */
  async #contend(slot: Slot): Promise<void> {
    const { sent } = goodWrite(this.#maker, { ...slot, stored: undefined })
    const got = await this.#send(sent, undefined)
    if (got && got.status < 300 && sent.method !== 'OPTIONS' && sent.method !== 'POST')
      await this.#readBack(slot, slot.path, got)
  }

  /** A key that was used gives the same answer again, and to nothing else. */
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
      report(`${says(sent)} is not answered again as it was, ${tells(first)}, but ${tells(again)}`)
  }

  /** From the position of a write on readers show it, and what they show fits its collection. */
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
      report(`${says(sent)} is older than its position: ${tells(got)}`)
    if (got.status === 200) {
      const issues = of.collection.validate(JSON.parse(got.text))
      if (issues.length > 0) report(`${path} does not fit: ${JSON.stringify(issues)} ${got.text}`)
    }
    if (shared) return
    const right = stored
      ? got.status === 200 && got.headers.etag === stored.etag && shows(got.text, id, stored.json)
      : got.status === 404
    if (!right) report(`${says(sent)} wants ${JSON.stringify(stored ?? 'none')} and shows ${tells(got)}`)
  }

  async #send(sent: Sent, wanted: readonly string[] | undefined): Promise<Got | undefined> {
    const { writer, report } = this.#parts
    this.#sent += 1
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
    if (wanted && !wanted.includes(outcome))
      report(`${says(sent)}: wanted ${wanted.join(' or ')}, got ${tells(got)}`)
    return got
  }
}

/** Another method at the same path: 405 where the path has none, and else another request under the same key. */
const ANOTHER = ['idempotency-mismatch', 'method-not-allowed', 'unsupported-media-type', 'malformed-body']

/** A request, whole, so that it can be sent again. */
export function says({ method, path, headers, body }: Sent): string {
  const text = Buffer.isBuffer(body) ? `${body.toString('hex')} (hexadecimal)` : (body ?? 'no body')
  return `${method} ${path} ${JSON.stringify(headers)} ${text}`
}

/** An answer, whole. */
export function tells({ status, headers, text }: Got): string {
  return `${status} ${JSON.stringify(headers)} ${text}`
}
